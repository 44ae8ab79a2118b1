"""Does the status carry what a program wrote as its last words?"""

from __future__ import annotations

import pytest

from kubelite_tests.node.conftest import Cluster, shell, state_of

LOGS = "FallbackToLogsOnError"


@pytest.mark.parametrize(
    ("script", "policy", "message"),
    [
        ("echo -n fenced > $REGEN_TERMINATION_LOG; exit 64", "File", "fenced"),
        ("echo noise", "File", None),
        ("echo the end; exit 1", LOGS, "the end\n"),
        ("echo the end; exit 0", LOGS, None),
        ("echo log; echo -n file > $REGEN_TERMINATION_LOG; exit 1", LOGS, "file"),
    ],
)
async def test_the_message(cluster: Cluster, script: str, policy: str, message: str | None) -> None:
    cluster.job("speaks", shell(script, terminationMessagePolicy=policy))
    assert state_of(await cluster.ended_pod("speaks"))["terminated"].get("message") == message


async def test_a_long_message_is_cut(cluster: Cluster) -> None:
    cluster.job("speaks", shell("head -c 10000 /dev/zero | tr '\\0' x > $REGEN_TERMINATION_LOG"))
    assert state_of(await cluster.ended_pod("speaks"))["terminated"]["message"] == "x" * 4096
