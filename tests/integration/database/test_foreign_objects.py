"""Can a role that creates objects in public have its code run by ours, and does the check name what it left behind?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from regen_schema.foreign_objects import powers
from regen_schema.migrate import check, migrate
from tests.database_fixtures import LOGIN_PASSWORD
from tests.integration.database.jobs import claim, complete, fail, insert, start, status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]

BACKDOOR = """
    CREATE TABLE public.caught (who text, how text);
    GRANT INSERT ON public.caught TO PUBLIC;
    CREATE FUNCTION public.evil_equals(public."RegenerationJobStatus", public."RegenerationJobStatus") RETURNS boolean
    LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO public.caught VALUES (current_user, 'operator');
        RETURN $1::text OPERATOR(pg_catalog.=) $2::text;
    END $$;
    CREATE OPERATOR public.= (LEFTARG = public."RegenerationJobStatus", RIGHTARG = public."RegenerationJobStatus",
                              FUNCTION = public.evil_equals);
    CREATE FUNCTION public.jsonb_typeof(jsonb) RETURNS text LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO public.caught VALUES (current_user, 'function');
        RETURN pg_catalog.jsonb_typeof($1);
    END $$;
    CREATE FUNCTION public.regen_claim_v1(smallint, smallint, jsonb, smallint, text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO public.caught VALUES (current_user, 'overload');
    END $$;
"""


@pytest.fixture
def attacker(database: Database) -> Iterator[Connection]:
    """A login of the application's that can create objects in public."""
    name = f"attacker_{database.name}"
    with database.connect() as superuser:
        create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        superuser.execute(create.format(sql.Identifier(name), sql.Literal(LOGIN_PASSWORD)))
        superuser.execute(sql.SQL("GRANT CREATE, USAGE ON SCHEMA public TO {}").format(sql.Identifier(name)))
        with database.connect(database.server.url(database.name, user=name, password=LOGIN_PASSWORD)) as connection:
            yield connection
        superuser.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(name)))
        superuser.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def caught(superuser: Connection) -> list[tuple[Any, ...]]:
    return superuser.execute("SELECT DISTINCT who, how FROM public.caught").fetchall()


def test_no_code_of_another_role_runs_in_the_life_of_a_job(database: Database, attacker: Connection) -> None:
    attacker.execute(BACKDOOR)
    with database.connect() as superuser:
        with database.connect(database.operator_url) as operator, database.connect(database.runner_url) as runner:
            for login in (operator, runner):
                login.execute("SET search_path = public, pg_catalog")
            for job_id in ("j", "lost"):
                insert(superuser, job_id)
            arguments = "20::integer, 20::integer, '{}'::jsonb, NULL::integer, '{document}'::text[]"
            claimed = operator.execute(f"SELECT id FROM public.regen_claim_v1({arguments})".encode())
            assert claimed.fetchall() == [("j",), ("lost",)]
            assert start(runner, "j") == "started"
            assert complete(runner, "j") == "completed"
            assert fail(operator, {"id": "lost"}) == [("lost", "failed")]
            operator.execute("SELECT * FROM public.regen_audit_repair_v1(100)")
        assert (status(superuser, "j"), status(superuser, "lost")) == ("COMPLETED", "FAILED")
        assert caught(superuser) == []


def test_no_code_of_another_role_runs_in_a_migration(database: Database, attacker: Connection) -> None:
    attacker.execute(BACKDOOR)
    migrate(database.url)
    with database.connect() as superuser:
        assert caught(superuser) == []


def test_the_check_names_what_was_left(database: Database, attacker: Connection) -> None:
    attacker.execute(BACKDOOR)
    named = {line.partition(": expected not to exist")[0] for line in check(database.url) if attacker.info.user in line}
    enum = 'public."RegenerationJobStatus"'
    assert named >= {
        f"operator public.=({enum},{enum})",
        f"function public.evil_equals({enum},{enum})",
        "function public.regen_claim_v1(smallint,smallint,jsonb,smallint,text[])",
    }


def test_the_check_names_a_cast(database: Database) -> None:
    with database.connect() as superuser:
        superuser.execute(
            """CREATE ROLE caster;
               CREATE FUNCTION public.as_number(public."RegenerationJobStatus") RETURNS integer LANGUAGE sql RETURN 1;
               ALTER FUNCTION public.as_number OWNER TO caster;
               CREATE CAST (public."RegenerationJobStatus" AS integer) WITH FUNCTION public.as_number AS IMPLICIT"""
        )
        try:
            lines = [line for line in check(database.url) if "caster" in line]
            assert {line.partition(" ")[0] for line in lines} == {"cast", "function"}
        finally:
            superuser.execute("DROP OWNED BY caster CASCADE; DROP ROLE caster")


def test_a_body_that_calls_anything_else_is_named(database: Database) -> None:
    with database.connect() as superuser:
        superuser.execute(
            """CREATE FUNCTION public.peek(text) RETURNS text LANGUAGE sql RETURN $1;
               CREATE OR REPLACE FUNCTION public.regen_audit_hash_v1(
                   p_prev text, p_event text, p_job_id text, p_status text, p_actor text, p_at text, p_detail text)
               RETURNS text LANGUAGE sql STABLE RETURN public.peek(p_detail)"""
        )
    assert "function regen_audit_hash_v1: expected to call only functions of pg_catalog" in check(database.url)


def test_logins_that_can_create_or_drop_are_named(database: Database, attacker: Connection) -> None:
    with database.connect() as superuser:
        name = sql.Identifier(attacker.info.user)
        assert f"login {attacker.info.user} can create objects in schema public" in powers(database.url)
        superuser.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(database.name), name))
        found = [line for line in powers(database.url) if attacker.info.user in line]
        assert f"login {attacker.info.user} can drop the database, as its owner" in found
        assert any("can drop every object in schema public" in line for line in found)
        superuser.execute(sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(sql.Identifier(database.name)))


def test_a_login_without_a_connection_limit_is_named(database: Database) -> None:
    with database.connect() as superuser:
        assert any("regen_api_login has no connection limit" in line for line in powers(database.url))
        superuser.execute("ALTER ROLE regen_api_login CONNECTION LIMIT 20")
        try:
            assert not any("regen_api_login has no connection limit" in line for line in powers(database.url))
        finally:
            superuser.execute("ALTER ROLE regen_api_login CONNECTION LIMIT -1")


@pytest.mark.parametrize("role", ["api", "operator", "runner", "readonly", "retention"])
def test_no_login_can_hold_the_claims_lock(database: Database, role: str) -> None:
    url = database.server.url(database.name, user=f"regen_{role}_login", password=LOGIN_PASSWORD)
    with database.connect() as superuser, database.connect(url) as login, database.connect(database.operator_url) as operator:
        for key in (1, 2, 11, 12, 13):
            login.execute("SELECT pg_advisory_lock(1919248238, %s)", (key,))
        for mode in ("ACCESS SHARE", "ROW EXCLUSIVE", "SHARE ROW EXCLUSIVE", "ACCESS EXCLUSIVE"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), login.transaction():
                login.execute(f'LOCK TABLE public."RegenerationLock" IN {mode} MODE'.encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            login.execute('SELECT FROM public."RegenerationLock" FOR UPDATE')
        insert(superuser, "j")
        assert claim(operator) == [("j", "RUNNING")]


def test_the_operator_learns_that_another_claim_holds_the_lock(database: Database) -> None:
    with database.connect(database.operator_url) as one, database.connect(database.operator_url) as other:
        assert one.execute("SELECT public.regen_claim_held_v1()").fetchone() == (False,)
        with other.transaction():
            claim(other)
            assert one.execute("SELECT public.regen_claim_held_v1()").fetchone() == (True,)
            assert claim(one) == []
        assert one.execute("SELECT public.regen_claim_held_v1()").fetchone() == (False,)


@pytest.mark.parametrize("call", ["start", "complete", "fail", "claim"])
def test_no_session_weakens_its_own_durability(database: Database, call: str) -> None:
    with database.connect() as superuser, database.connect(database.operator_url) as operator:
        insert(superuser, "j")
        if call != "claim":
            claim(operator)
        with database.connect(database.operator_url if call in {"claim", "fail"} else database.runner_url) as login:
            if call == "complete":
                start(login, "j")
            login.execute("SET synchronous_commit = off")
            with login.transaction():
                {"start": start, "complete": complete, "fail": lambda c, j: fail(c, {"id": j}), "claim": lambda c, _: claim(c)}[
                    call
                ](login, "j")
                assert login.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_a_session_may_ask_for_more_durability(database: Database) -> None:
    with database.connect(database.operator_url) as operator:
        operator.execute("SET synchronous_commit = remote_apply")
        with operator.transaction():
            claim(operator)
            assert operator.execute("SHOW synchronous_commit").fetchone() == ("remote_apply",)
