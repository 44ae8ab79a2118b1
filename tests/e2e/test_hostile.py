"""Does every attempt of a hostile executor fail, and does the job say what a person needs?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from regen_demo.objects import Objects

if TYPE_CHECKING:
    from tests.e2e.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("e2e")]

SECRET_PLACES = [
    "/var/run/secrets/kubernetes.io/serviceaccount/token",
    "/regen/trust/nonce",
    "/proc/1/environ",
    "/proc/1/mem",
    "/proc/self/../1/maps",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/hostname",
    "/dev/termination-log",
]
FORBIDDEN_PLACES = ["/regen/in/probe", "/regen/in/go", "/regen/result/envelope.json", "/dev/shm/probe", "/dev/termination-log"]
ALWAYS = {
    "tcp socket",
    "tcp6 socket",
    "udp socket",
    "netlink socket",
    "fork",
    "exec",
    "environment of others",
    "memory of parent",
    "ptrace",
    "unshare",
    "write beside out",
    "write to root",
    "environment",
    "read /etc/passwd",
    "read /etc/shadow",
    "tcp connect",
}


def addresses(world: World) -> list[str]:
    """Whatever an executor would like to reach: database, store, Kubernetes, the cloud's metadata, DNS."""
    host = world.stack.config.host
    store = urlsplit(str(world.stack.store.runner_environment["AWS_ENDPOINT_URL_S3"])).port
    api = urlsplit(world.kube.server)
    return [
        f"{host}:{urlsplit(world.stack.superuser_url).port}",
        f"{host}:{store}",
        f"{api.hostname}:{api.port}",
        "169.254.169.254:80",
        "10.96.0.10:53",
    ]


async def test_every_attempt_fails(world: World) -> None:
    objects = Objects(world.stack.store.output_url, world.stack.store.admin_environment)
    for address in addresses(world):
        inputs = {"tcp": address, "read": SECRET_PLACES, "write": FORBIDDEN_PLACES}
        job_id = await world.insert("probe_hostile", inputs)
        row = await world.ended(job_id)
        assert row["status"] == "COMPLETED", row["errorJson"]
        [output] = await world.outputs(job_id)
        attempts: dict[str, dict[str, Any]] = json.loads(objects.body(output["ref"]) or b"")
        assert set(attempts) >= ALWAYS
        assert {name: attempt["result"] for name, attempt in attempts.items() if attempt["succeeded"]} == {}


@pytest.mark.parametrize(
    ("inputs", "classification"),
    [
        ({"kind": "symlink"}, "executor"),
        ({"kind": "symlink", "target": "/regen/trust/nonce"}, "executor"),
        ({"kind": "hardlink"}, "output"),
        ({"kind": "hardlink", "target": "/etc/passwd"}, "executor"),
        ({"kind": "fifo"}, "executor"),
        ({"kind": "character"}, "executor"),
        ({"kind": "block"}, "executor"),
        ({"kind": "socket"}, "executor"),
        ({"kind": "many", "count": "2000"}, "output"),
        ({"kind": "folder"}, "output"),
        ({"kind": "missing"}, "output"),
        ({"kind": "outside"}, "output"),
        ({"kind": "outside", "target": "/proc/self/environ"}, "output"),
        ({"kind": "missing", "name": "manifest.json"}, "output"),
    ],
    ids=lambda value: "-".join(value.values()).replace("/", "_") if isinstance(value, dict) else value,
)
async def test_what_is_no_plain_file_of_its_own_is_no_output(world: World, inputs: dict[str, str], classification: str) -> None:
    """``executor`` where the sandbox does not even let it be made, ``output`` where it is made and refused."""
    job_id = await world.insert("probe_links", inputs)
    row = await world.ended(job_id)
    assert (row["status"], row["errorJson"]["classification"]) == ("FAILED", classification), row["errorJson"]
    assert row["errorJson"]["message"]
    assert await world.outputs(job_id) == []


async def test_a_million_files_are_no_output(world: World) -> None:
    """Where its time does not end it first, publish refuses the first file that was not declared."""
    job_id = await world.insert("probe_links", {"kind": "many", "count": "1000000"})
    row = await world.ended(job_id)
    assert (row["status"], row["errorJson"]["classification"] in {"timeout", "output"}) == ("FAILED", True), row["errorJson"]
    assert await world.outputs(job_id) == []


@pytest.mark.parametrize("place", ["out", "tmp", "body"])
async def test_ten_gigabytes_are_cut_off(world: World, place: str) -> None:
    job_id = await world.insert("probe_flood", {"bytes": 10 << 30, "to": place})
    row = await world.ended(job_id)
    assert row["status"] == "FAILED"
    assert row["errorJson"]["classification"] in {"executor", "resources", "output"}, row["errorJson"]
    assert row["errorJson"]["message"]
    assert await world.outputs(job_id) == []


async def test_a_flooded_log_loses_no_output(world: World) -> None:
    job_id = await world.insert("probe_flood", {"bytes": 64 << 20, "to": "stderr"})
    row = await world.ended(job_id)
    assert row["status"] == "COMPLETED", row["errorJson"]
    assert [output["name"] for output in await world.outputs(job_id)] == ["flood.bin"]
