"""Which executors are installed: the entry points of group ``regen.executors``.

Reading the entry points imports no executor, so that asking what is known costs milliseconds; ``load`` imports the one
executor it is asked for. See the packaging guide's "entry points specification" for the files that are read.
"""

from __future__ import annotations

import inspect
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, cast

from regen_core.errors import RegenError, ValidationFailed
from regen_core.names import ENTRY_POINT_GROUP, is_type

if TYPE_CHECKING:
    from regen_executors.interface import Executor


class UnknownType(ValidationFailed):
    """No installed package has an executor of this type."""


class AmbiguousType(RegenError):
    """Two installed packages claim one type; neither is chosen."""


class NotAnExecutor(RegenError):
    """What an entry point names cannot be imported, or does not have the interface's shape."""


def known_types() -> tuple[str, ...]:
    """The types that ``load`` can be asked for, sorted. No executor is imported."""
    return tuple(sorted({entry.name for entry in entry_points(group=ENTRY_POINT_GROUP) if is_type(entry.name)}))


def load(job_type: str) -> Executor:
    """A new executor of ``job_type``.

    Raises:
        UnknownType: no installed package has one.
        AmbiguousType: more than one has.
        NotAnExecutor: it cannot be imported, or it is no executor by its shape.
    """
    claims = list(entry_points(group=ENTRY_POINT_GROUP, name=job_type))
    if not claims:
        known = ", ".join(known_types()) or "none"
        msg = f"type: expected one of the installed executors' types ({known}), got {job_type!r}"
        raise UnknownType(msg, type=job_type)
    if len(claims) > 1:
        claimants = sorted(_described(claim) for claim in claims)
        msg = f"type {job_type!r}: expected one executor, {len(claims)} are installed: {', '.join(claimants)}"
        raise AmbiguousType(msg, type=job_type, claimants=claimants)
    return _made(claims[0])


def _made(claim: EntryPoint) -> Executor:
    try:
        found: Any = claim.load()
    except (ImportError, AttributeError) as error:
        msg = f"executor {_described(claim)} cannot be imported: {error}"
        raise NotAnExecutor(msg, type=claim.name) from error
    fault = _fault_of(found, claim.name)
    if fault is not None:
        msg = f"executor {_described(claim)} is no executor: {fault}"
        raise NotAnExecutor(msg, type=claim.name)
    return cast("Executor", found())


def _fault_of(found: Any, job_type: str) -> str | None:
    """What keeps ``found`` from being an executor class of ``job_type``, or None."""
    if not inspect.isclass(found):
        return f"expected a class, got {type(found).__name__}"
    if getattr(found, "type", None) != job_type:
        return f"expected its class variable type to be {job_type!r}, got {getattr(found, 'type', None)!r}"
    version = getattr(found, "version", None)
    if not isinstance(version, str) or not version:
        return f"expected its class variable version to be a string that is not empty, got {version!r}"
    run = inspect.getattr_static(found, "run", None)
    if not inspect.isfunction(run):
        return "expected a method run(self, instruction)"
    return _fault_of_calls(found, run)


def _fault_of_calls(found: type, run: Any) -> str | None:
    try:
        inspect.signature(found).bind()
    except (TypeError, ValueError) as error:
        return f"expected a class that can be created without arguments ({error})"
    try:
        inspect.signature(run).bind(object(), object())
    except TypeError as error:
        return f"expected run to take one instruction ({error})"
    return None


def _described(claim: EntryPoint) -> str:
    owner = f" of {claim.dist.name} {claim.dist.version}" if claim.dist is not None else ""
    return f"{claim.name} = {claim.value}{owner}"
