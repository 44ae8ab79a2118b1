"""Does a job end once and rightly whatever the store and the way to it do?

Between the runner and the embedded S3 server stands a proxy that answers in its place, loses its answers or cuts bodies off.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from regen_core.names import artifact_key
from regen_stack.config import TEST_IMAGE, StackConfig
from regen_stack.stack import Stack
from tests.faults.case import Case
from tests.faults.conftest import BUDGETS
from tests.faults.http_proxy import HttpProxy
from tests.faults.proxy import Proxy
from tests.integration.cli.command import Command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.faults.control import Control

pytestmark = pytest.mark.asyncio(loop_scope="session")
exhaustive = pytest.mark.exhaustive

AWAY_SECONDS = 60
KEYS = {"an artifact": "first.txt", "the manifest": "manifest.json"}


@pytest_asyncio.fixture(loop_scope="session")
async def behind(faulty: tuple[Stack, Control]) -> AsyncIterator[tuple[Case, HttpProxy]]:
    """A case whose pods reach the store through a proxy."""
    stack, control = faulty
    control.plan()
    async with HttpProxy(store_port(stack)) as proxy, Case(stack, control) as case:
        case.runner_through(store=proxy.port)
        yield case, proxy


def store_port(stack: Stack) -> int:
    port = urlsplit(stack.store.runner_environment["AWS_ENDPOINT_URL_S3"]).port
    assert port is not None
    return port


def insert(case: Case) -> str:
    return case.insert("probe_count", {"artifacts": ["first.txt", "second.txt"]}, job_id=case.new_id("stored"))


async def ends(case: Case, job_id: str, end: str) -> None:
    await case.start_operator()
    ending = await case.conclude()
    assert (ending.jobs, ending.violations) == ({job_id: end}, [])


@exhaustive
@pytest.mark.parametrize("name", KEYS.values(), ids=KEYS.keys())
async def test_a_412_for_its_own_put_whose_answer_was_lost(behind: tuple[Case, HttpProxy], name: str) -> None:
    case, proxy = behind
    rule = proxy.add("PUT", f"/{name}", lose=True)
    await ends(case, insert(case), "COMPLETED")
    assert rule.met == 1
    assert sum(one.startswith("PUT") and f"/{name}" in one for one in proxy.seen) == 2


@exhaustive
@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "SlowDown"), (409, "ConditionalRequestConflict"), (500, "InternalError"), (429, "TooManyRequests")],
)
async def test_a_store_that_refuses_for_a_while(behind: tuple[Case, HttpProxy], status: int, code: str) -> None:
    case, proxy = behind
    body = f"<Error><Code>{code}</Code><Message>as the test says</Message></Error>".encode()
    rule = proxy.add("PUT", "/first.txt", times=6, status=status, body=body, headers={"Content-Type": "application/xml"})
    await ends(case, insert(case), "COMPLETED")
    assert rule.met == 6


@exhaustive
async def test_a_body_that_is_cut_off(behind: tuple[Case, HttpProxy]) -> None:
    """The server sees the beginning of the bytes alone, and keeps nothing of them."""
    case, proxy = behind
    rule = proxy.add("PUT", "/first.txt", times=2, cut=3)
    await ends(case, insert(case), "COMPLETED")
    assert rule.met == 2


@exhaustive
async def test_a_checksum_that_the_store_refutes(behind: tuple[Case, HttpProxy]) -> None:
    case, proxy = behind
    body = b"<Error><Code>BadDigest</Code><Message>as the test says</Message></Error>"
    proxy.add("PUT", "/second.txt", status=400, body=body, headers={"Content-Type": "application/xml"})
    job_id = insert(case)
    await ends(case, job_id, "FAILED output")
    assert case.objects.client.list_objects_v2(Bucket=case.objects.bucket, Prefix=folder(job_id))["KeyCount"] == 1


@exhaustive
@pytest.mark.parametrize("name", KEYS.values(), ids=KEYS)
async def test_foreign_bytes_at_our_key(behind: tuple[Case, HttpProxy], name: str) -> None:
    """They stay as they are, and are nobody's output."""
    case, _ = behind
    job_id = insert(case)
    key = folder(job_id) + name
    case.objects.client.put_object(Bucket=case.objects.bucket, Key=key, Body=b"somebody else's")
    await ends(case, job_id, "FAILED output")
    assert case.objects.body(f"s3://{case.objects.bucket}/{key}") == b"somebody else's"


@exhaustive
async def test_a_publish_that_is_killed_during_a_put(behind: tuple[Case, HttpProxy]) -> None:
    """The bytes arrive, the answer does not, and nobody is there to ask again: no output, and orphans that fsck lists."""
    case, proxy = behind
    proxy.add("PUT", "/second.txt", hold=60.0)
    job_id = insert(case)
    await case.start_operator()

    async def there() -> bool:
        return await asyncio.to_thread(stored, case, job_id) == {"first.txt", "second.txt"}

    await case.until("the put is done and its answer held back", there)
    for pids in case.stack.node.kubelet.process_ids.values():
        for pid in pids:
            os.killpg(pid, signal.SIGKILL)
    ending = await case.conclude()
    assert (ending.jobs, ending.violations) == ({job_id: "FAILED lost"}, [])
    assert stored(case, job_id) == {"first.txt", "second.txt"}
    environment = {"REGEN_DATABASE_URL": case.url(), "REGEN_OUTPUT_URL": case.stack.store.output_url}
    found = Command({**environment, **case.stack.store.admin_environment}).json("fsck")
    assert {one.rpartition("/")[2] for one in found["orphans"] if f"/{job_id}/" in one} == {"first.txt", "second.txt"}


@exhaustive
async def test_a_pod_that_is_deleted_during_its_last_put(behind: tuple[Case, HttpProxy]) -> None:
    """It has its grace to end well. Whether it makes it is the machine's business; half an output it never leaves."""
    case, proxy = behind
    proxy.add("PUT", "/manifest.json", hold=0.5)
    job_id = insert(case)
    await case.start_operator()

    async def under_way() -> bool:
        return any("/manifest.json" in one for one in proxy.seen)

    await case.until("the put is under way", under_way)
    [pod] = case.cluster.list("pods", case.runs)
    case.cluster.delete("pods", case.runs, pod["metadata"]["name"])
    ending = await case.conclude()
    assert ending.violations == []
    assert ending.jobs[job_id] in {"COMPLETED", "FAILED lost"}


@exhaustive
@pytest.mark.parametrize(("times", "end"), [(9, "COMPLETED"), (10**9, "FAILED lost")], ids=["a while", "too long"])
async def test_a_store_that_is_away(behind: tuple[Case, HttpProxy], times: int, end: str) -> None:
    case, proxy = behind
    proxy.add("PUT", "", times=times, status=503, body=b"<Error><Code>ServiceUnavailable</Code></Error>")
    await ends(case, insert(case), end)


@exhaustive
async def test_a_store_that_is_away_for_a_minute(faulty: tuple[Stack, Control]) -> None:
    """No connection is taken, from the executor's start on; what may be published for longer than that is published."""
    _, control = faulty
    control.plan()
    config = StackConfig(
        programs=control.programs,
        runner={**BUDGETS, "publishBudgetSeconds": 3 * AWAY_SECONDS},
        classes={"probe_count": {"image": TEST_IMAGE, "timeLimitSeconds": 10}},
    )
    async with Stack(config) as stack, Proxy(store_port(stack)) as proxy, Case(stack, control) as case:
        case.runner_through(store=proxy.port)
        job_id = case.insert("probe_count", {"seconds": 1}, job_id=case.new_id("minute"))
        await case.start_operator()
        await case.started(job_id)
        proxy.away()
        await asyncio.sleep(AWAY_SECONDS)  # the fault itself: it lasts so long
        assert {str(job.status) for job in case.jobs().values()} == {"RUNNING"}
        proxy.back()
        ending = await case.conclude()
        assert (ending.jobs, ending.violations) == ({job_id: "COMPLETED"}, [])


@exhaustive
async def test_a_store_that_ignores_the_condition_gets_no_output(behind: tuple[Case, HttpProxy]) -> None:
    case, proxy = behind
    proxy.add("PUT", "/.regen-probe", times=10**9, status=200, headers={"ETag": '"x"'})
    job_id = insert(case)
    await ends(case, job_id, "FAILED internal")
    assert not any("/first.txt" in one for one in proxy.seen)


@exhaustive
async def test_an_output_that_somebody_deletes_is_found(behind: tuple[Case, HttpProxy]) -> None:
    """A delete marker over it, where the bucket keeps versions: the checker says which output is gone."""
    case, _ = behind
    job_id = insert(case)
    await case.start_operator()
    await case.quiet()
    before = case.look()
    await case.stop_operator()
    case.objects.client.delete_object(Bucket=case.objects.bucket, Key=folder(job_id) + "first.txt")
    found = case.violations(before)
    assert [one for one in found if "first.txt" in one and "got none" in one], found


def stored(case: Case, job_id: str) -> set[str]:
    """The names of the objects that lie where the job's outputs belong."""
    found = case.objects.client.list_objects_v2(Bucket=case.objects.bucket, Prefix=folder(job_id))
    return {one["Key"].rpartition("/")[2] for one in found.get("Contents", ())}


def folder(job_id: str) -> str:
    return f"outputs/{artifact_key('probe_count', job_id, '')}"
