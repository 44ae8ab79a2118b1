"""Making the job table, or adopting the one that an application has (docs/contract.md#database).

An application that triggers jobs made the table with Prisma: eight columns, ids of its own, rows in every status. Its rows
stay, what is missing is added, ownership moves. What cannot be adopted is refused before anything is changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql

from regen_core.states import JobStatus
from regen_schema.foreign_code import foreign_code
from regen_schema.refusal import SchemaRefused
from regen_schema.tables import VERSION_TABLE
from regen_schema.times import unreadable_times

if TYPE_CHECKING:
    from psycopg import Connection

BEFORE_GUARDS: Final = "06_guards.sql"
"""The script before which the rows are settled: with the audit triggers there, and no guard yet."""

_ENUM: Final = 'public."RegenerationJobStatus"'
_STAMP: Final = "timestamp without time zone"
_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "id": ("text", "character varying"),
    "status": (_ENUM,),
    "instructionJson": ("jsonb",),
    "outputRef": ("text", "character varying"),
    "errorJson": ("jsonb",),
    "lockedAt": (_STAMP,),
    "completedAt": (_STAMP,),
    "createdAt": (_STAMP,),
    "type": ("text",),
    "priority": ("integer",),
    "requestedBy": ("text",),
    "idempotencyKey": ("text",),
    "retryOf": ("text",),
}
"""Every column of the table and the types (as ``format_type`` names them, without precision) that we can work with."""
_MAINTAIN_SINCE: Final = 170000
_REQUIRED: Final = ("id", "status", "instructionJson")
"""What an application's table must have; the rest is added."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What adopting will do to the rows that are there."""

    rows: int
    lost: int
    unclean: int
    ended: int

    def announcement(self) -> str:
        """One sentence for the person who migrates."""
        if not self.rows:
            return "RegenerationJob: empty; building it under an ACCESS EXCLUSIVE lock"
        return (
            f"RegenerationJob: adopting {self.rows} rows; the table is rewritten under an ACCESS EXCLUSIVE lock, reads and "
            f"inserts wait meanwhile; {self.lost} RUNNING rows without a fence become FAILED (lost), "
            f"{self.unclean} PENDING rows lose values that belong to a later status (kept in the audit trail), "
            f"{self.ended} ended rows stay as they are"
        )


def exists(connection: Connection) -> bool:
    """Whether there is a relation of the job table's name."""
    return _one(connection, """SELECT to_regclass('public."RegenerationJob"') IS NOT NULL""") is True


def lock(connection: Connection) -> None:
    """Keeps everybody from the table, so that nothing is hung on it between our look and the change of its owner.

    Raises:
        SchemaRefused: it is no table.
    """
    _refuse(_relation_faults(connection))  # LOCK takes tables and views, and of anything else speaks no plain words
    connection.execute('LOCK TABLE public."RegenerationJob" IN ACCESS EXCLUSIVE MODE')


def refuse_unsuitable(connection: Connection, owner: str) -> None:
    """Looks at the table that is there, and that is locked.

    Args:
        connection: in the transaction that holds the lock.
        owner: the role that will own the table.

    Raises:
        SchemaRefused: names every reason why it cannot be adopted, in one line.
    """
    reasons = _relation_faults(connection)
    if not reasons:
        reasons = [*_enum_faults(connection), *_column_faults(connection), *_key_faults(connection)]
    if not _is_ours(connection):
        reasons += _code_faults(connection, owner)
        reasons += [f"column {fault}" for fault in unreadable_times(connection)] if not reasons else []
    _refuse(reasons)


def _refuse(reasons: list[str]) -> None:
    if reasons:
        msg = f"RegenerationJob cannot be adopted: {'; '.join(reasons)}"
        raise SchemaRefused(msg)


def _relation_faults(connection: Connection) -> list[str]:
    row = connection.execute(
        """SELECT c.relkind::text, c.relpersistence::text, c.relforcerowsecurity,
                  EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent))
           FROM pg_class c WHERE c.oid = 'public."RegenerationJob"'::regclass"""
    ).fetchone()
    kind, persistence, forced_security, inherits = row if row is not None else ("?", "?", False, False)
    names = {"p": "a partitioned table", "v": "a view", "m": "a materialized view", "f": "a foreign table"}
    if kind != "r":
        return [f"expected an ordinary table, got {names.get(kind, 'a relation of kind ' + kind)}"]
    faults = []
    if persistence != "p":
        faults.append("expected a logged table, got an unlogged one, which a crash empties")
    if inherits:
        faults.append("expected a table of its own, got one that inherits or is inherited from")
    if forced_security:
        faults.append("expected no FORCE ROW LEVEL SECURITY, which would hide rows from their owner")
    return faults


def _enum_faults(connection: Connection) -> list[str]:
    expected = [str(status) for status in JobStatus]
    labels = _one(
        connection,
        """SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e
           WHERE e.enumtypid = to_regtype('public."RegenerationJobStatus"')""",
    )
    if labels is not None and sorted(labels) != sorted(expected):
        return [f'enum "RegenerationJobStatus": expected {", ".join(expected)}, got {", ".join(labels)}']
    return []


def _column_faults(connection: Connection) -> list[str]:
    found = {
        row[0]: row[1:]
        for row in connection.execute(
            """SELECT a.attname::text, format_type(a.atttypid, NULL), format_type(a.atttypid, a.atttypmod), a.attnotnull,
                      a.atthasdef OR a.attidentity <> '', a.attgenerated::text
               FROM pg_attribute a
               WHERE a.attrelid = 'public."RegenerationJob"'::regclass AND a.attnum > 0 AND NOT a.attisdropped"""
        )
    }
    faults = [f"column {name}: expected to exist" for name in _REQUIRED if name not in found]
    for name, (base, full, not_null, has_default, generated) in found.items():
        accepted = _COLUMNS.get(name)
        if accepted is None:
            if not_null and not has_default:
                faults.append(f"column {name}: expected a default, because it is NOT NULL and we never fill it")
        elif base not in accepted:
            faults.append(f"column {name}: expected {' or '.join(accepted)}, got {full}")
        elif base == "character varying" and full != base:
            faults.append(f"column {name}: expected no limit on its length, got {full}")
        elif (name == "type") != (generated == "s"):
            wanted = "a column generated from instructionJson" if name == "type" else "a column that is not generated"
            faults.append(f"column {name}: expected {wanted}")
    return faults


def _key_faults(connection: Connection) -> list[str]:
    columns = _one(
        connection,
        """SELECT array_agg(a.attname::text) FROM pg_index i
           JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
           WHERE i.indrelid = 'public."RegenerationJob"'::regclass AND i.indisprimary""",
    )
    return [] if columns == ["id"] else [f"primary key: expected id, got {', '.join(columns) if columns else 'none'}"]


def _is_ours(connection: Connection) -> bool:
    """Whether the table was adopted before: ``check`` reports what was hung on it since, and an upgrade is not held up."""
    return _one(connection, f"SELECT to_regclass('public.{VERSION_TABLE}') IS NOT NULL") is True


def _code_faults(connection: Connection, owner: str) -> list[str]:
    """What would run as the new owner, within our functions, whenever a row changes. A foreign key's triggers are internal."""
    triggers = connection.execute(
        """SELECT t.tgname::text, p.proname::text FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
           WHERE t.tgrelid = 'public."RegenerationJob"'::regclass AND NOT t.tgisinternal ORDER BY 1"""
    ).fetchall()
    rules = connection.execute(
        """SELECT rulename::text FROM pg_rewrite
           WHERE ev_class = 'public."RegenerationJob"'::regclass AND rulename <> '_RETURN' ORDER BY 1"""
    ).fetchall()
    return [
        *(
            f"trigger {name}: expected none, since its function {function} would run with the rights of the table's new owner"
            for name, function in triggers
        ),
        *(f"rule {name}: expected none, since it would change what a statement on the table does" for (name,) in rules),
        *(
            f"{one.part}: expected no call of {one.function}, which would run with the rights of the table's new owner"
            for one in foreign_code(connection, ["RegenerationJob"], owner)
        ),
    ]


def take_over(connection: Connection, owner: str) -> str | None:
    """Makes ``owner`` the owner of the table and of the enum.

    Everyone else keeps SELECT and INSERT and loses the rest.

    Returns:
        the name of the owner before, where that was another role and no superuser: it is to get SELECT and INSERT.
    """
    previous, superuser = connection.execute(
        """SELECT r.rolname::text, r.rolsuper FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
           WHERE c.oid = 'public."RegenerationJob"'::regclass"""
    ).fetchone() or ("", False)
    connection.execute(sql.SQL('ALTER TABLE public."RegenerationJob" OWNER TO {}').format(sql.Identifier(owner)))
    connection.execute(sql.SQL('ALTER TYPE public."RegenerationJobStatus" OWNER TO {}').format(sql.Identifier(owner)))
    return None if superuser or previous == owner else previous


def restrict_others(connection: Connection, previous_owner: str | None) -> None:
    """As the new owner: leaves SELECT and INSERT to whoever had a grant, and gives them to the owner before."""
    grantees = connection.execute(
        """SELECT DISTINCT x.grantee, coalesce(r.rolname::text, 'PUBLIC')
           FROM (
               SELECT (aclexplode(c.relacl)).grantee FROM pg_class c WHERE c.oid = 'public."RegenerationJob"'::regclass
               UNION ALL
               SELECT (aclexplode(a.attacl)).grantee FROM pg_attribute a
               WHERE a.attrelid = 'public."RegenerationJob"'::regclass
           ) x LEFT JOIN pg_roles r ON r.oid = x.grantee
           WHERE coalesce(r.rolname, '') <> current_user"""
    ).fetchall()
    maintain = sql.SQL(", MAINTAIN" if connection.info.server_version >= _MAINTAIN_SINCE else "")
    # Of a table it takes the grants on its columns too, whichever it has, and what a grantee passed on goes with his own.
    revoke = sql.SQL('REVOKE UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER{1} ON public."RegenerationJob" FROM {0} CASCADE')
    for oid, name in grantees:
        connection.execute(revoke.format(sql.SQL("PUBLIC") if oid == 0 else sql.Identifier(name), maintain))
    if previous_owner is not None:
        grant = sql.SQL('GRANT SELECT, INSERT ON public."RegenerationJob" TO {}')
        connection.execute(grant.format(sql.Identifier(previous_owner)))


def make_table_if_missing(connection: Connection) -> None:
    """The enum and the table as an application would have made them; the migration's scripts add the rest."""
    if _one(connection, """SELECT to_regtype('public."RegenerationJobStatus"') IS NULL"""):
        labels = sql.SQL(", ").join(sql.Literal(str(status)) for status in JobStatus)
        connection.execute(sql.SQL('CREATE TYPE public."RegenerationJobStatus" AS ENUM ({})').format(labels))
    if not exists(connection):
        connection.execute(
            """CREATE TABLE public."RegenerationJob" (
                   id text NOT NULL,
                   status public."RegenerationJobStatus" NOT NULL DEFAULT 'PENDING',
                   "instructionJson" jsonb NOT NULL,
                   "outputRef" text,
                   "errorJson" jsonb,
                   "lockedAt" timestamp(3) without time zone,
                   "completedAt" timestamp(3) without time zone,
                   "createdAt" timestamp(3) without time zone NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
                   CONSTRAINT "RegenerationJob_pkey" PRIMARY KEY (id)
               )"""
        )


def plan(connection: Connection) -> Plan:
    """Counts the rows; before the scripts run, columns may be missing."""
    rows, running, ended = connection.execute(
        """SELECT count(*), count(*) FILTER (WHERE status = 'RUNNING'),
                  count(*) FILTER (WHERE status IN ('COMPLETED', 'FAILED')) FROM public."RegenerationJob" """
    ).fetchone() or (0, 0, 0)
    unclean = connection.execute(
        """SELECT count(*) FROM public."RegenerationJob" j WHERE status = 'PENDING'
           AND jsonb_strip_nulls(to_jsonb(j)) ?| ARRAY['lockedAt', 'completedAt', 'outputRef', 'errorJson']"""
    ).fetchone() or (0,)
    return Plan(rows, running, unclean[0], ended)


def settle_rows(connection: Connection, plan: Plan) -> None:
    """Brings the rows that were there into states that the guards keep.

    RUNNING rows have no fence and nobody who would report: FAILED as lost. PENDING rows become clean, because a claim of
    one that is not would break the table's CHECK and with it every claim. What is removed goes into the event
    REGEN_JOB_ADOPTED, which each row gets whose history began before us.
    """
    if not plan.rows:
        return
    connection.execute(
        """SELECT public.regen_audit_emit_v1(ARRAY['REGEN_JOB_ADOPTED'], ARRAY[j.id::text], ARRAY[j.status],
               ARRAY[now() AT TIME ZONE 'UTC']::timestamp(3)[], ARRAY[CASE j.status
                   WHEN 'PENDING' THEN jsonb_build_object('removed', jsonb_strip_nulls(jsonb_build_object(
                       'lockedAt', j."lockedAt", 'completedAt', j."completedAt",
                       'outputRef', j."outputRef", 'errorJson', j."errorJson")))
                   WHEN 'RUNNING' THEN jsonb_build_object('removed', jsonb_strip_nulls(jsonb_build_object(
                       'completedAt', j."completedAt", 'outputRef', j."outputRef", 'errorJson', j."errorJson")))
                   ELSE '{}' END])
           FROM public."RegenerationJob" j
           WHERE j.status <> 'PENDING' OR j."lockedAt" IS NOT NULL OR j."completedAt" IS NOT NULL
              OR j."outputRef" IS NOT NULL OR j."errorJson" IS NOT NULL
           ORDER BY j.id"""
    )
    connection.execute(
        """UPDATE public."RegenerationJob"
           SET "lockedAt" = NULL, "completedAt" = NULL, "outputRef" = NULL, "errorJson" = NULL
           WHERE status = 'PENDING' AND ("lockedAt" IS NOT NULL OR "completedAt" IS NOT NULL
              OR "outputRef" IS NOT NULL OR "errorJson" IS NOT NULL)"""
    )
    connection.execute(
        """UPDATE public."RegenerationJob" SET status = 'FAILED',
               "lockedAt" = coalesce("lockedAt", now() AT TIME ZONE 'UTC'), "completedAt" = now() AT TIME ZONE 'UTC',
               "outputRef" = NULL,
               "errorJson" = '{"classification": "lost", "retryable": true, "detail": {},
                   "message": "the job was RUNNING when regen was installed, and nothing tells who ran it"}'
           WHERE status = 'RUNNING'"""
    )


def validate_state_check(connection: Connection) -> None:
    """Marks the CHECK as valid where every row satisfies it; rows from before us may not, and stay."""
    expression = _one(
        connection,
        """SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint
           WHERE conrelid = 'public."RegenerationJob"'::regclass AND conname = 'RegenerationJob_state_check'""",
    )
    offender = sql.SQL('SELECT EXISTS (SELECT FROM public."RegenerationJob" WHERE ({}) IS FALSE)')
    found = connection.execute(offender.format(sql.SQL(str(expression)))).fetchone()
    if found is not None and not found[0]:
        connection.execute('ALTER TABLE public."RegenerationJob" VALIDATE CONSTRAINT "RegenerationJob_state_check"')


def _one(connection: Connection, query: Any) -> Any:
    row = connection.execute(query).fetchone()
    return None if row is None else row[0]
