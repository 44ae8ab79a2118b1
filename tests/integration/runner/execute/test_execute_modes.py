"""What happens where the kernel cannot enforce the sandbox?

A kernel without Landlock or seccomp is made by a seccomp filter around the whole program, which answers ENOSYS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.runner.execute.conftest import MAIN

if TYPE_CHECKING:
    from tests.integration.runner.execute.conftest import Pod

WITHOUT = """
import ctypes, errno, os, struct
from regen_runner.execute.sandbox import bpf, numbers, seccomp, syscalls
calls = {{numbers.of_this_machine(name): (bpf.Clause(bpf.fail_with(errno.ENOSYS)),) for name in {calls!r}}}
program = bpf.assemble(seccomp.ARCHITECTURES[os.uname().machine], 10_000, bpf.ALLOW, calls)
buffer = ctypes.create_string_buffer(program, len(program))
syscalls.set_no_new_privileges()
syscalls.syscall("seccomp", 1, 0, struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer)))
"""


def without(*calls: str) -> str:
    return WITHOUT.format(calls=calls) + MAIN


@pytest.mark.parametrize(
    ("call", "lack"), [("landlock_create_ruleset", "Landlock's file rules"), ("seccomp", "the seccomp filter")]
)
def test_a_required_sandbox_that_lacks_something_is_our_failure_and_runs_nothing(pod: Pod, call: str, lack: str) -> None:
    run = pod.run("endings.good", text="x", program=without(call))
    classification, message = run.failure
    assert (run.status, classification) == (0, "internal")
    assert "REGEN_SANDBOX=require" in message
    assert lack in message
    assert list((pod.root / "out").iterdir()) == []
    assert run.result.sandbox["noNewPrivs"] is True


def test_best_effort_runs_and_tells_what_did_not_hold(pod: Pod) -> None:
    env = {"REGEN_SANDBOX": "best-effort"}
    run = pod.run("escapes.read", paths=["/etc/passwd"], program=without("landlock_create_ruleset"), env=env)
    assert run.answer == {"/etc/passwd": "allowed"}
    report = run.result.sandbox
    assert (report["mode"], report["landlockAbi"], report["landlockFs"], report["seccomp"]) == ("best-effort", 0, False, True)
    assert [lack.partition(" (")[0] for lack in report["lacks"]] == ["Landlock's file rules"]


def test_best_effort_enforces_what_the_kernel_has(pod: Pod) -> None:
    run = pod.run("escapes.read", paths=["/etc/passwd"], env={"REGEN_SANDBOX": "best-effort"})
    assert run.answer == {"/etc/passwd": "EACCES"}
    assert "lacks" not in run.result.sandbox
