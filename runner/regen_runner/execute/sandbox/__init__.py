"""The sandbox that a process puts on itself before it runs an executor (docs/architecture.md#the-life-of-a-job).

Five layers, each of which a process may set without privilege and none of which it can take off again: ``no_new_privs``, an
empty capability set, resource limits, Landlock's rules for files, TCP and scopes, and a seccomp filter. All of them are
inherited by every thread and process that follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regen_core.errors import RegenError
from regen_runner.execute.sandbox import landlock, paths, rlimits, seccomp, syscalls

if TYPE_CHECKING:
    from collections.abc import Callable

REQUIRE = "require"
BEST_EFFORT = "best-effort"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the executor of a class may do.

    Attributes:
        mode: ``require`` (Landlock's file rules and the seccomp filter, or no run) or ``best-effort``.
        readable: folders of the run that may be read: its inputs.
        writable: folders of the run that may be written: outputs and temporary files.
        private: folders of the run that must stay out of reach, such as the envelope's.
        egress: whether internet sockets may be made.
        subprocesses: whether processes may be made and programs started.
        max_memory_bytes: limit of private writable memory per process; 0 = none.
        max_file_bytes: size of the largest file that may be written.
    """

    mode: str
    readable: tuple[str, ...]
    writable: tuple[str, ...]
    private: tuple[str, ...]
    egress: bool
    subprocesses: bool
    max_memory_bytes: int
    max_file_bytes: int


class SandboxIncomplete(RegenError):
    """Mode ``require``, and the kernel cannot enforce what it asks for. ``detail.sandbox`` is the report so far."""


def apply(policy: Policy) -> dict[str, Any]:
    """Puts the sandbox on the calling process, which must have one thread only, and reports what holds.

    Returns:
        The envelope's ``sandbox``: what was enforced, never what was wished for.

    Raises:
        SandboxIncomplete: mode is ``require`` and ``no_new_privs``, Landlock's file rules or seccomp do not hold.
    """
    report: dict[str, Any] = {
        "mode": policy.mode,
        "egress": "open" if policy.egress else "none",
        "subprocesses": policy.subprocesses,
        "noNewPrivs": False,
        "capabilitiesDropped": False,
        "landlockAbi": 0,
        "landlockFs": False,
        "landlockNet": [],
        "landlockScope": [],
        "seccomp": False,
    }
    lacks: list[str] = []

    def attempt(what: str, step: Callable[[], dict[str, Any]]) -> None:
        try:
            report.update(step())
        except OSError as error:
            lacks.append(f"{what} ({error.strerror or error})")

    attempt("no_new_privs", _no_new_privileges)
    attempt("dropping capabilities", _drop_capabilities)
    attempt("resource limits", lambda: rlimits.limit(policy.max_memory_bytes, policy.max_file_bytes))
    attempt("Landlock's file rules", lambda: _landlock(policy))
    attempt("the seccomp filter", lambda: _seccomp(policy))
    if lacks and policy.mode == REQUIRE:
        message = f"the sandbox is required (REGEN_SANDBOX=require), but this kernel does not enforce {', '.join(lacks)}"
        raise SandboxIncomplete(message, reason="SandboxIncomplete", sandbox=report, lacks=lacks)
    return {**report, "lacks": lacks} if lacks else report


def _no_new_privileges() -> dict[str, Any]:
    syscalls.set_no_new_privileges()
    return {"noNewPrivs": True}


def _drop_capabilities() -> dict[str, Any]:
    syscalls.drop_capabilities()
    return {"capabilitiesDropped": True}


def _landlock(policy: Policy) -> dict[str, Any]:
    abi = landlock.abi_version()
    rules = paths.grants(policy.readable, policy.writable, policy.private, egress=policy.egress)
    enforced = landlock.restrict(abi, rules, connect=policy.egress)
    return {
        "landlockAbi": abi,
        "landlockFs": True,
        "landlockNet": list(enforced.net),
        "landlockScope": list(enforced.scope),
    }


def _seccomp(policy: Policy) -> dict[str, Any]:
    seccomp.install(egress=policy.egress, subprocesses=policy.subprocesses)
    return {"seccomp": True}
