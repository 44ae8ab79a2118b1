"""Does a job end once and rightly whatever the database and the way to it do?

Every fault is real: connections that end, answers that are lost after the commit, locks that are held, a server that is
restarted. Where the fault passes, the job must end as if it had not been.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.faults.case import Case
from tests.faults.proxy import Proxy
from tests.faults.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regen_stack.stack import Stack
    from tests.faults.control import Control

pytestmark = pytest.mark.asyncio(loop_scope="session")
exhaustive = pytest.mark.exhaustive

FUNCTIONS = {
    "regen_claim_v1": "completed",
    "regen_fail_v1": "stuck",
    "regen_ingest_v1": "applied",
    "regen_audit_repair_v1": "unaudited",
    "regen_start_v1": "completed",
    "regen_complete_v1": "completed",
    "regen_fail_run_v1": "failed",
}
"""Function → a story in which it is called."""
OF_RUNNER = {"regen_start_v1", "regen_complete_v1", "regen_fail_run_v1"}
ERRORS = {
    "40P01": "a deadlock",
    "40001": "a serialization failure",
    "55P03": "a lock timeout",
    "57014": "a cancelled statement",
}


@pytest.fixture
def faulty_case(faulty: tuple[Stack, Control]) -> Case:
    """A case of which nothing has begun."""
    stack, control = faulty
    control.plan()
    return Case(stack, control)


@pytest.mark.parametrize(
    "function",
    [pytest.param(name, marks=() if name == "regen_complete_v1" else exhaustive) for name in FUNCTIONS],
)
async def test_an_answer_that_is_lost_after_the_commit(faulty_case: Case, function: str) -> None:
    story = SCENARIOS[FUNCTIONS[function]]
    async with faulty_case as case, Proxy(case.port) as proxy:
        proxy.lose_answer(function.encode())
        if function in OF_RUNNER:
            case.runner_through(database=proxy.port)
        else:
            case.settings["REGEN_DATABASE_URL"] = case.through(proxy.port, "operator")
        story.begin(case)
        await case.start_operator()
        ending = await case.conclude()
    assert (ending.ends, ending.violations) == (story.ends, [])
    assert proxy.answers_lost == 1


@exhaustive
@pytest.mark.parametrize("function", FUNCTIONS)
async def test_a_backend_that_is_terminated_in_the_function(faulty_case: Case, function: str) -> None:
    story = SCENARIOS[FUNCTIONS[function]]
    async with faulty_case as case:
        story.begin(case)
        slow_down(case, function)
        await case.start_operator()
        await terminated(case)
        ending = await case.conclude()
    assert (ending.ends, ending.violations) == (story.ends, [])


def slow_down(case: Case, function: str) -> None:
    """The first write of ``function`` takes as long as it takes to find and end its backend."""
    with case.connect() as connection:
        connection.execute("CREATE SEQUENCE public.slow; GRANT USAGE ON SEQUENCE public.slow TO PUBLIC")
        connection.execute(
            "CREATE FUNCTION public.slow_down() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
            f" IF current_query() LIKE '%{function}(%' AND nextval('public.slow') = 1 THEN PERFORM pg_sleep(4); END IF;"
            " RETURN NEW; END $$".encode()
        )
        for table in ("RegenerationJob", "RegenerationRun", "RegenerationOutput", "AuditEvent"):
            connection.execute(
                f'CREATE TRIGGER a_slow BEFORE INSERT OR UPDATE ON "{table}" FOR EACH ROW'
                " EXECUTE FUNCTION public.slow_down()".encode()
            )


async def terminated(case: Case) -> None:
    """Waits until somebody is in the slow write, and ends that backend."""

    async def met() -> bool:
        with case.connect() as connection:
            found = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event = 'PgSleep'"
            ).fetchall()
        return bool(found)

    await case.until("a backend is in the function", met)


@pytest.mark.parametrize("state", [pytest.param(state, marks=exhaustive) for state in ERRORS])
async def test_an_error_that_passes_at_every_write(faulty_case: Case, state: str) -> None:
    """The first write of each kind meets it: the claim, the fence and the report."""
    async with faulty_case as case:
        with case.connect() as connection:
            for table, verb in (("RegenerationJob", "UPDATE"), ("RegenerationRun", "INSERT"), ("RegenerationOutput", "INSERT")):
                name = f"{table}_{verb}".lower()
                connection.execute(f"CREATE SEQUENCE public.{name}; GRANT USAGE ON SEQUENCE public.{name} TO PUBLIC".encode())
                connection.execute(
                    f"CREATE FUNCTION public.{name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
                    f" IF nextval('public.{name}') = 1 THEN RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = 'it passes';"
                    " END IF; RETURN NEW; END $$".encode()
                )
                connection.execute(
                    f'CREATE TRIGGER a_{name} BEFORE {verb} ON "{table}" FOR EACH ROW EXECUTE FUNCTION public.{name}()'.encode()
                )
        SCENARIOS["completed"].begin(case)
        await case.start_operator()
        ending = await case.conclude()
        with case.connect() as connection:
            met = connection.execute(
                "SELECT count(*) FROM pg_sequences WHERE last_value >= 2 AND sequencename LIKE 'regeneration%'"
            ).fetchone()
    assert (ending.ends, ending.violations) == (["COMPLETED"], [])
    assert met == (3,), "not every write met the error"


@exhaustive
async def test_a_server_that_is_restarted_in_mid_claim_and_in_mid_run(faulty_case: Case) -> None:
    async with faulty_case as case:
        running = case.insert("probe_count", {"seconds": 3}, job_id=case.new_id("running"))
        await case.start_operator()
        await case.started(running)
        waiting = case.insert("probe_count", {}, job_id=case.new_id("waiting"))
        case.stack.postgres.restart()
        ending = await case.conclude()
    assert (ending.jobs, ending.violations) == ({running: "COMPLETED", waiting: "COMPLETED"}, [])


@exhaustive
async def test_a_server_that_is_read_only_for_a_while(faulty_case: Case) -> None:
    async with faulty_case as case:
        running = case.insert("probe_count", {"seconds": 3}, job_id=case.new_id("running"))
        await case.start_operator()
        await case.started(running)
        with limited(case, "SET default_transaction_read_only = on", "RESET default_transaction_read_only"):
            waiting = await refused(case)
        ending = await case.conclude()
    assert (ending.jobs, ending.violations) == ({running: "COMPLETED", waiting: "COMPLETED"}, [])


@exhaustive
async def test_a_server_that_takes_no_more_connections_for_a_while(faulty_case: Case) -> None:
    async with faulty_case as case:
        running = case.insert("probe_count", {"seconds": 3}, job_id=case.new_id("running"))
        await case.start_operator()
        await case.started(running)
        with limited(case, "CONNECTION LIMIT 0", "CONNECTION LIMIT -1"):
            waiting = await refused(case)
        ending = await case.conclude()
    assert (ending.jobs, ending.violations) == ({running: "COMPLETED", waiting: "COMPLETED"}, [])


@contextmanager
def limited(case: Case, setting: str, undo: str) -> Iterator[None]:
    """The database's setting, made felt by everybody at once."""
    with psycopg.connect(case.stack.superuser_url, autocommit=True, connect_timeout=10) as admin:
        admin.execute(f'ALTER DATABASE "{case.database}" {setting}'.encode())
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (case.database,))
        try:
            yield
        finally:
            admin.execute(f'ALTER DATABASE "{case.database}" {undo}'.encode())
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (case.database,))


async def refused(case: Case) -> str:
    """A job that a superuser inserts while nobody else can; returns once the operator has been refused."""
    job_id = case.new_id("waiting")
    with case.connect() as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(
            'INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES (%s, jsonb_build_object('
            "'type', 'probe_count', 'version', 1, 'inputs', jsonb_build_object('job', %s::text)))",
            (job_id, job_id),
        )
    before = len(case.said())

    async def met() -> bool:
        return "will retry" in case.said()[before:]

    await case.until("the operator is refused", met)
    return job_id


@exhaustive
async def test_a_way_to_the_database_that_is_silent_for_longer_than_every_deadline(faulty_case: Case) -> None:
    """Half-open: no packet passes, and nobody says that the connection is gone."""
    async with faulty_case as case, Proxy(case.port) as proxy:
        case.settings["REGEN_DATABASE_URL"] = case.through(proxy.port, "operator")
        job_id = case.insert("probe_count", {"seconds": 2}, job_id=case.new_id("silent"))
        await case.start_operator()
        await case.started(job_id)
        before = len(case.said())
        proxy.freeze()
        await case.ended()
        waiting = case.insert("probe_count", {}, job_id=case.new_id("waiting"))

        async def given_up() -> bool:
            return re.search("database: [a-z_ ]+ (timed out|failed)", case.said()[before:]) is not None

        await case.until("the operator gives up waiting", given_up)
        proxy.thaw()
        ending = await case.conclude()
    assert (ending.jobs, ending.violations) == ({job_id: "COMPLETED", waiting: "COMPLETED"}, [])


@exhaustive
async def test_a_database_that_is_away_while_a_pod_reports(faulty_case: Case) -> None:
    async with faulty_case as case, Proxy(case.port) as proxy:
        case.runner_through(database=proxy.port)
        job_id = case.insert("probe_count", {"seconds": 2}, job_id=case.new_id("away"))
        await case.start_operator()
        await case.started(job_id)
        proxy.away()

        async def tried_again() -> bool:
            logs = case.stack.folder.glob("pods/*/logs/publish")
            return any("unavailable, trying again" in log.read_text() for log in logs)

        await case.until("publish tries again", tried_again)
        proxy.back()
        ending = await case.conclude()
    assert (ending.jobs, ending.violations) == ({job_id: "COMPLETED"}, [])


@exhaustive
async def test_a_slow_way_to_the_database(faulty_case: Case) -> None:
    async with faulty_case as case, Proxy(case.port) as proxy:
        proxy.delay = 0.05
        case.settings["REGEN_DATABASE_URL"] = case.through(proxy.port, "operator")
        case.runner_through(database=proxy.port)
        SCENARIOS["completed"].begin(case)
        await case.start_operator()
        ending = await case.conclude()
    assert (ending.ends, ending.violations) == (["COMPLETED"], [])


@exhaustive
async def test_a_database_that_is_restored_to_before_the_fence(faulty_case: Case) -> None:
    """The backup holds the claim and not the fence. The pod's report is refused, and nobody starts the executor again."""
    async with faulty_case as case:
        job_id = case.insert("probe_count", {"seconds": 3}, job_id=case.new_id("restored"))
        with case.connect("operator") as connection:
            connection.execute("SELECT * FROM regen_claim_v1(1, 100, '{}', NULL, %s)", (["probe_count"],))
        backup = f"{case.database}_backup"
        await asyncio.to_thread(case.stack.postgres.create_database, backup, template=case.database)
        await case.start_operator()
        await case.started(job_id)
        with psycopg.connect(case.stack.superuser_url, autocommit=True, connect_timeout=10) as admin:
            admin.execute(f'DROP DATABASE "{case.database}" WITH (FORCE)'.encode())
            admin.execute(f'ALTER DATABASE "{backup}" RENAME TO "{case.database}"'.encode())
        await case.quiet()
        [job] = case.look().jobs
        assert case.control.starts[job_id] == 1
        assert (str(job.status), job.fence, job.outputs) == ("FAILED", None, ())
        await case.stop_operator()
