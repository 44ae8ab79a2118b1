"""Compare a database with this version's schema, without changing it (``regen migrate --check``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg

from regen_schema import adoption_plans as adopt_plans
from regen_schema import expected, roles
from regen_schema.foreign_code import foreign_code
from regen_schema.foreign_objects import foreign_objects
from regen_schema.read_only import looking
from regen_schema.roles import DEFAULT_PREFIX, Roles
from regen_schema.tables import OURS, VERSION_TABLE, metadata
from regen_schema.times import unreadable_times

if TYPE_CHECKING:
    from collections.abc import Iterator

Connection = psycopg.Connection[Any]

_SET_OPTION_SINCE: Final = 160000


def check(url: str, *, role_prefix: str = DEFAULT_PREFIX) -> list[str]:
    """Return a line for everything missing or wrong.

    Reads the catalogs, and the times of all jobs once if the login can read them.

    Args:
        url: a libpq connection string of any login.
        role_prefix: the prefix that the migration used.

    Raises:
        SettingsInvalid: the prefix is not an identifier, or libpq cannot parse ``url``.
        DatabaseUnavailable: the server is unreachable.
    """
    names = Roles(role_prefix)
    with looking(url, "regen migrate --check") as connection:
        absent = [f"role {name}: expected to exist" for name in roles.missing(connection, names)]
        faults = [*absent, *_structure(connection)]
        if absent or any("expected to exist" in fault and fault.startswith("table") for fault in faults):
            return faults  # owners and grants of missing objects say nothing more
        faults += [*_owners(connection, names), *_foreign_code(connection, names), *foreign_objects(connection, names.owner)]
        faults += [*_grants(connection, names), *_logins(connection, names)]
        return [*faults, *_times(connection)]


def _structure(connection: Connection) -> Iterator[str]:
    yield from _version(connection)
    yield from _columns(connection)
    yield from _constraints_and_indexes(connection)
    yield from _triggers(connection)
    yield from _functions(connection)


def _version(connection: Connection) -> Iterator[str]:
    found = None
    readable = connection.execute("SELECT has_table_privilege(to_regclass(%s), 'SELECT')", (f"public.{VERSION_TABLE}",))
    match readable.fetchone():
        case (False,):
            return  # a login without our roles; the rest of the check compares what a version consists of
        case (True,):
            rows = connection.execute("SELECT version_num FROM public.regen_alembic_version").fetchall()
            found = rows[0][0] if rows else None
    if found != expected.VERSIONS[-1]:
        yield f"schema version: expected {expected.VERSIONS[-1]}, got {found or 'none'}; run `regen migrate`"


def _columns(connection: Connection) -> Iterator[str]:
    found = {
        (row[0], row[1]): row[2]
        for row in connection.execute(
            """SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL)
               FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
               WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"""
        )
    }
    tables = {table for table, _ in found}
    yield from (f"table {table}: expected to exist" for table in OURS if table not in tables)
    for (table, column), kind in expected.columns().items():
        actual = found.get((table, column))
        if table in tables and actual is None:
            yield f"column {table}.{column}: expected to exist"
        elif actual not in {None, kind} and (kind, actual) != ("text", "character varying"):
            yield f"column {table}.{column}: expected {kind}, got {actual}"
    yield from adopt_plans.faults(connection)


def _constraints_and_indexes(connection: Connection) -> Iterator[str]:
    constraints = {
        row[0]
        for row in connection.execute("SELECT conname::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace")
    }
    yield from (f"constraint {name}: expected to exist" for name in sorted(expected.constraints() - constraints))
    indexes = {
        row[0]
        for row in connection.execute(
            """SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
               WHERE c.relnamespace = 'public'::regnamespace AND i.indisvalid"""
        )
    }
    yield from (f"index {name}: expected to exist and be valid" for name in sorted(expected.indexes() - indexes))


def _triggers(connection: Connection) -> Iterator[str]:
    found = {
        (row[0], row[1]): expected.Trigger(row[2], row[3])
        for row in connection.execute(
            """SELECT c.relname::text, t.tgname::text, t.tgenabled::text, p.pronamespace::regnamespace::text || '.' || p.proname
               FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
               WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%s) AND NOT t.tgisinternal""",
            (list(OURS),),
        )
    }
    words = {"A": "ENABLE ALWAYS", "O": "enabled", "D": "disabled", "R": "enabled on a replica only"}
    wanted = expected.triggers()
    for (table, name), trigger in sorted(wanted.items(), key=lambda item: item[0]):
        actual = found.get((table, name))
        if actual is None:
            yield f"trigger {name} on {table}: expected to exist"
            continue
        if actual.state != trigger.state:
            yield f"trigger {name} on {table}: expected {words[trigger.state]}, got {words[actual.state]}"
        if actual.function != trigger.function:
            yield f"trigger {name} on {table}: expected the function {trigger.function}, got {actual.function}"
    for table, name in sorted(found.keys() - wanted):
        function = found[table, name].function
        yield f"trigger {name} on {table}: expected not to exist; {function} would run with the owner's rights"
    rules = connection.execute(
        """SELECT c.relname::text, r.rulename::text FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
           WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%s) AND r.rulename <> '_RETURN' ORDER BY 1, 2""",
        (list(OURS),),
    )
    yield from (f"rule {name} on {table}: expected not to exist" for table, name in rules)


def _functions(connection: Connection) -> Iterator[str]:
    found = {
        row[0]: row[1:]
        for row in connection.execute(
            """SELECT p.proname::text, p.prosrc, p.prosecdef,
                      coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false),
                      EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                              AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass))
               FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'regen\\_%'"""
        )
    }
    for name, function in sorted(expected.functions().items()):
        if name not in found:
            yield f"function {name}: expected to exist"
            continue
        body, definer, fixed_path, calls_others = found[name]
        if calls_others:  # only an SQL-standard body has such dependencies, and ours call nothing but pg_catalog
            yield f"function {name}: expected to call only functions of pg_catalog"
        if body != function.body:
            yield f"function {name}: expected the body of this version, got another"
        if definer != function.security_definer:
            yield f"function {name}: expected SECURITY {'DEFINER' if function.security_definer else 'INVOKER'}"
        if function.fixed_path and not fixed_path:
            yield f"function {name}: expected a fixed search_path"


def _owners(connection: Connection, names: Roles) -> Iterator[str]:
    rows = connection.execute(
        """SELECT kind, name, r.rolname::text FROM (
               SELECT CASE relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind, relname::text AS name, relowner AS owner
               FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = ANY (%(tables)s)
               UNION ALL
               SELECT 'function', proname::text, proowner FROM pg_proc
               WHERE pronamespace = 'public'::regnamespace AND proname = ANY (%(functions)s)
               UNION ALL
               SELECT 'type', typname::text, typowner FROM pg_type
               WHERE typnamespace = 'public'::regnamespace AND typname = 'RegenerationJobStatus'
           ) o JOIN pg_roles r ON r.oid = o.owner ORDER BY 1, 2""",
        {"tables": [*OURS, expected.VIEW, VERSION_TABLE], "functions": list(expected.functions())},
    )
    for kind, name, owner in rows:
        if owner != names.owner:
            yield f"{kind} {name}: expected to be owned by {names.owner}, got {owner}, who could drop its triggers"


def _foreign_code(connection: Connection, names: Roles) -> Iterator[str]:
    for one in foreign_code(connection, OURS, names.owner):
        yield f"{one.part} of {one.table}: expected no call of {one.function}, which would run with the owner's rights"


def _grants(connection: Connection, names: Roles) -> Iterator[str]:
    ours = list(names.all[1:])
    tables = [*metadata.tables, expected.VIEW, VERSION_TABLE]
    parameters = {"roles": ours, "tables": tables, "functions": list(expected.functions())}
    columns = set(
        connection.execute(
            """SELECT r.role, c.relname::text, a.attname::text, v.verb
               FROM unnest(%(roles)s::text[]) AS r (role)
               CROSS JOIN pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('REFERENCES')) AS v (verb)
               WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%(tables)s)
                 AND has_column_privilege(r.role, c.oid, a.attnum, v.verb)""",
            parameters,
        ).fetchall()
    )
    # what the application's own columns of an adopted table hold, whoever reads the table reads too
    foreign = {entry for entry in columns if entry[1] in OURS and entry[2] not in metadata.tables[entry[1]].columns}
    columns -= {entry for entry in foreign if entry[3] == "SELECT"}
    yield from _difference(columns, expected.column_grants(names), "{3} on {1}.{2} to {0}")
    functions = set(
        connection.execute(
            """SELECT r.role, p.proname::text FROM unnest(%(roles)s::text[]) AS r (role) CROSS JOIN pg_proc p
               WHERE p.pronamespace = 'public'::regnamespace AND p.proname = ANY (%(functions)s)
                 AND has_function_privilege(r.role, p.oid, 'EXECUTE')""",
            parameters,
        ).fetchall()
    )
    yield from _difference(functions, expected.function_grants(names), "EXECUTE on {1} to {0}")
    yield from _other_grants(connection, ours)


def _other_grants(connection: Connection, ours: list[str]) -> Iterator[str]:
    """What anybody may do beyond reading and inserting; of our own roles, what is not of single columns."""
    others = connection.execute(
        """WITH of AS (
               SELECT oid, relname::text AS name, relowner, relacl FROM pg_class
               WHERE relnamespace = 'public'::regnamespace AND relname = ANY (%(tables)s)
           )
           SELECT DISTINCT g.what, coalesce(r.rolname::text, 'PUBLIC'), g.verb
           FROM (
               SELECT of.name AS what, of.relowner, x.grantee, x.privilege_type AS verb, false AS is_column
               FROM of CROSS JOIN LATERAL aclexplode(of.relacl) x
               UNION ALL
               SELECT of.name || '.' || a.attname, of.relowner, x.grantee, x.privilege_type, true
               FROM of JOIN pg_attribute a ON a.attrelid = of.oid CROSS JOIN LATERAL aclexplode(a.attacl) x
           ) g LEFT JOIN pg_roles r ON r.oid = g.grantee
           WHERE g.grantee <> g.relowner AND g.verb NOT IN ('SELECT', 'INSERT')
             AND NOT (g.is_column AND coalesce(r.rolname = ANY (%(roles)s), false)) ORDER BY 1, 2, 3""",
        {"tables": [*OURS, expected.VIEW, VERSION_TABLE], "roles": ours},
    )
    yield from (f"grant {verb} on {what} to {role}: expected not to exist" for what, role, verb in others)


def _times(connection: Connection) -> Iterator[str]:
    table = 'public."RegenerationJob"'
    if connection.execute("SELECT has_table_privilege(%s, 'SELECT')", (table,)).fetchone() != (True,):
        return
    try:
        with connection.transaction():
            yield from (f"column RegenerationJob.{fault}" for fault in unreadable_times(connection))
    except psycopg.errors.QueryCanceled:
        yield "table RegenerationJob: expected its rows' times to be looked through in ten seconds, got no answer in time"


def _difference(found: set[tuple[Any, ...]], wanted: set[Any], form: str) -> Iterator[str]:
    yield from (f"grant {form.format(*entry)}: expected to exist" for entry in sorted(wanted - found))
    yield from (f"grant {form.format(*entry)}: expected not to exist" for entry in sorted(found - wanted))


def _logins(connection: Connection, names: Roles) -> Iterator[str]:
    """Logins that both work with the tables and could change them as their owner would."""
    # Since 16 whoever creates a role is a member of it who may not act as it.
    act_as = "SET" if connection.info.server_version >= _SET_OPTION_SINCE else "MEMBER"
    rows = connection.execute(
        """SELECT r.rolname::text FROM pg_roles r
           WHERE r.rolcanlogin AND NOT r.rolsuper AND pg_has_role(r.oid, %(owner)s, %(act_as)s)
             AND EXISTS (SELECT FROM unnest(%(roles)s::text[]) AS o (role) WHERE pg_has_role(r.oid, o.role, 'MEMBER'))
           ORDER BY 1""",
        {"owner": names.owner, "act_as": act_as, "roles": list(names.all[1:])},
    )
    yield from (f"login {row[0]}: expected not to be a member of {names.owner}, who could drop triggers" for row in rows)
