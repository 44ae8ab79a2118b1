"""Does every command that a runbook names run, and say something, against a cluster and a database that are there?"""

from __future__ import annotations

import asyncio
import os
import sysconfig
from typing import TYPE_CHECKING

import pytest

from tests.not_proven import program
from tests.repo.runbooks import PAGES, commands

if TYPE_CHECKING:
    from tests.integration.oncall.conftest import OnCall

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("oncall")]
SECONDS = 60
COMMANDS = sorted({line for text in PAGES.values() for line in commands(text)}, key=lambda line: (" delete " in line, line))
"""What deletes comes last."""


def environment(on_call: OnCall) -> dict[str, str]:
    """What docs/runbooks/README.md tells to have at hand, and nothing else of this process's."""
    stack = on_call.stack
    return {
        "PATH": os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath))),
        "HOME": str(stack.folder),
        "JOB": on_call.failed,
        "KUBECONFIG": str(stack.kubeconfig),
        "REGEN_DATABASE_URL": stack.database_url("readonly"),
        "REGEN_OUTPUT_URL": stack.store.output_url,
        **stack.store.reader_environment,
    }


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_command_runs_and_answers(on_call: OnCall, command: str) -> None:
    if "kubectl" in command:
        program("kubectl")
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command, env=environment(on_call), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, errors = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode == 0, (out + errors).decode()
    assert out.strip(), errors.decode()
