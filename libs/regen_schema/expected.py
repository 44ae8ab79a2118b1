"""What a migrated database must hold, read from the same SQL that made it, so that the two cannot drift apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy.dialects import postgresql

from regen_schema.sql import scripts
from regen_schema.tables import (
    OURS,
    VERSION_TABLE,
    audit_event,
    job,
    metadata,
    output,
    plan,
    plan_generation,
    purged_job,
    run,
    user,
)

if TYPE_CHECKING:
    from regen_schema.roles import Roles

VERSIONS: Final = ("0001",)
"""The folders of ``sql/migrations``, oldest first; a later one can replace functions of an earlier one."""
VIEW: Final = "RegenerationLifecycle"
REQUEST_COLUMNS: Final = ("id", "instructionJson", "priority", "requestedBy", "idempotencyKey", "retryOf")
"""The columns of a job that ``regen_api`` may insert."""
GENERATION_COLUMNS: Final = ("jobId", "planId", "overrides")
"""The columns of a plan's generation that ``regen_api`` may insert."""

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy leaves this constructor untyped
_FUNCTION = re.compile(
    r"CREATE (?:OR REPLACE )?FUNCTION public\.(\w+)\(((?:(?!\$regen\$).)*?)(?:AS \$regen\$(.*?)\$regen\$|\nRETURN )", re.DOTALL
)
_TRIGGER = re.compile(
    r"CREATE TRIGGER (\w+) (?:BEFORE|AFTER) [A-Z ]+ ON public\.\"(\w+)\"[^;]*? EXECUTE FUNCTION public\.(\w+)\("
)
_ALWAYS = re.compile(r"ALTER TABLE public\.\"(\w+)\" ENABLE ALWAYS TRIGGER (\w+)")
_CONSTRAINT = re.compile(r"CONSTRAINT \"(\w+)\"")


@dataclass(frozen=True, slots=True)
class Function:
    """One of our functions. ``body`` is compared word for word; empty for an SQL-standard body, which is parsed at creation."""

    name: str
    body: str
    security_definer: bool
    fixed_path: bool


def functions() -> dict[str, Function]:
    """By name; none is overloaded."""
    return {
        name: Function(name, body, "SECURITY DEFINER" in head, "SET search_path" in head)
        for text in _texts()
        for name, head, body in _FUNCTION.findall(text)
    }


@dataclass(frozen=True, slots=True)
class Trigger:
    """One of our triggers: its state in ``pg_trigger.tgenabled`` (``A`` fires always, ``O`` not on a replica), its function."""

    state: str
    function: str


def triggers() -> dict[tuple[str, str], Trigger]:
    """By (table, trigger)."""
    always = {(table, name) for text in _texts() for table, name in _ALWAYS.findall(text)}
    return {
        (table, name): Trigger("A" if (table, name) in always else "O", f"public.{function}")
        for text in _texts()
        for name, table, function in _TRIGGER.findall(text)
    }


def constraints() -> set[str]:
    """The names of all constraints."""
    return {"RegenerationJob_pkey"} | {name for text in _texts() for name in _CONSTRAINT.findall(text)}


def indexes() -> set[str]:
    """The names of the indexes that are no constraint's."""
    return {str(index.name) for table in metadata.tables.values() for index in table.indexes}


def columns() -> dict[tuple[str, str], str]:
    """(table, column) to its type as ``format_type`` names it, without precision; of the tables that we own."""
    return {
        (name, column.name): _format_type(column.type.compile(dialect=_DIALECT))
        for name in OURS
        for column in metadata.tables[name].columns
    }


def _format_type(rendered: str) -> str:
    """``TIMESTAMP(3) WITHOUT TIME ZONE`` as the catalog says it; a quoted name as it is."""
    return f"public.{rendered}" if rendered.startswith('"') else re.sub(r"\(\d+\)", "", rendered).lower()


def column_grants(roles: Roles) -> set[tuple[str, str, str, str]]:
    """Every (role, table, column, verb) that our roles have, and no other."""
    readers = (roles.api, roles.operator, roles.readonly, roles.retention)
    readable = {(table.name, column.name) for table in (job, run, output, audit_event, purged_job) for column in table.columns}
    readable -= {(run.name, run.c.nonce.name)}
    readable |= {(VERSION_TABLE, "version_num")}
    reads = {(role, table, column, "SELECT") for role in readers for table, column in readable}
    plans = {(table.name, column.name) for table in (user, plan, plan_generation) for column in table.columns}
    reads |= {(role, table, column, "SELECT") for role in (roles.api, roles.readonly) for table, column in plans}
    reads |= {(roles.retention, plan_generation.name, column.name, "SELECT") for column in plan_generation.columns}
    inserts = {(job.name, column) for column in REQUEST_COLUMNS} | {
        (plan_generation.name, column) for column in GENERATION_COLUMNS
    }
    return reads | {(roles.api, table, column, "INSERT") for table, column in inserts}


def function_grants(roles: Roles) -> set[tuple[str, str]]:
    """Every (role, function) that may be executed, and no other."""
    operator = ("regen_ingest_v1", "regen_claim_v1", "regen_claim_held_v1", "regen_fail_v1", "regen_audit_repair_v1")
    runner = ("regen_start_v1", "regen_complete_v1", "regen_fail_run_v1")
    return {
        *((roles.operator, name) for name in operator),
        *((roles.runner, name) for name in runner),
        (roles.retention, "regen_purge_v1"),
        *((role, "regen_max_instruction_bytes") for role in roles.all[1:]),
    }


def _texts() -> list[str]:
    return [script.text for version in VERSIONS for script in scripts(f"migrations/{version}")]
