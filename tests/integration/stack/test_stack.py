"""Does the whole stack come up with what the operator and the runner need, and go without a trace?"""

from __future__ import annotations

import asyncio
import base64
import signal
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import pytest_asyncio

from kubelite_tests.node.conftest import TIMEOUT, is_running, until
from regen_operator.launch.classes import load_classes
from regen_stack.config import DATABASE_SECRET, STORE_SECRET, StackConfig, program
from regen_stack.stack import Stack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CONFIG = StackConfig(classes={"probe_sleep": {"timeLimitSeconds": 2}})


@pytest_asyncio.fixture
async def stack() -> AsyncIterator[Stack]:
    async with Stack(CONFIG) as made:
        yield made


def secret(stack: Stack, name: str) -> dict[str, str]:
    """A Secret of the runner's namespace, decoded."""
    data = stack.api.store.get("secrets", "regen-runs", name)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


async def test_what_is_there_and_that_it_goes(stack: Stack) -> None:
    roles = {}
    for role in ("api", "operator", "runner", "readonly"):
        with psycopg.connect(stack.database_url(role), connect_timeout=10) as connection:
            row = connection.execute("SELECT pg_has_role(current_user, %s, 'MEMBER')", (f"regen_{role}",)).fetchone()
            roles[role] = row == (True,)
    assert roles == dict.fromkeys(("api", "operator", "runner", "readonly"), True)

    assert secret(stack, DATABASE_SECRET) == {"url": stack.database_url("runner")}
    assert secret(stack, STORE_SECRET) == stack.store.runner_environment
    assert stack.store.output_url.startswith("s3://regen/")
    assert stack.api.store.resource("regenerationjobs.regeneration.dev").kind == "RegenerationJob"

    classes = load_classes(stack.folder / "classes.yaml")
    assert {"document", "export", "probe_sleep"} <= set(classes.types)
    assert classes.by_type["probe_sleep"].time_limit_seconds == 2

    environment = stack.operator_environment("a")
    assert environment["REGEN_DATABASE_URL"] == stack.database_url("operator")
    assert not any(name.startswith("AWS_") for name in environment)
    folder = stack.folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    await stack.stop()
    assert not folder.exists()


async def test_two_operators_start_and_end_with_the_stack(stack: Stack) -> None:
    processes = [await stack.start_operator(name) for name in ("one", "two")]
    assert all(is_running(process.pid) for process in processes)
    await until(lambda: all(stack.log_file(name).read_text() for name in ("one", "two")))
    await stack.stop()
    assert not any(is_running(process.pid) for process in processes)


async def test_an_unknown_role_is_refused(stack: Stack) -> None:
    with pytest.raises(KeyError):
        stack.database_url("owner")


async def test_the_command_prints_what_to_export_and_ends_on_ctrl_c() -> None:
    process = await asyncio.create_subprocess_exec(
        program("regen-stack"), "up", "--operators", "0", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    exports = {}
    async with asyncio.timeout(2 * TIMEOUT):
        while (line := (await process.stdout.readline()).decode()).startswith("export "):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            exports[name] = value
        kubeconfig = Path(exports["KUBECONFIG"])
        assert kubeconfig.parent.is_dir()
        assert {"REGEN_DATABASE_URL", "REGEN_OUTPUT_URL", "AWS_ENDPOINT_URL_S3"} <= exports.keys()
        process.send_signal(signal.SIGINT)
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert not kubeconfig.parent.exists()
