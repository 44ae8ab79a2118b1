"""Are the caps kept, alone and together, and does no capped row hide an eligible one?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.database.jobs import claim, insert

if TYPE_CHECKING:
    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]

_ENQUEUE = """
    INSERT INTO "RegenerationJob" (id, "instructionJson", "requestedBy", priority)
    SELECT %(prefix)s || n, jsonb_build_object('type', %(type)s::text, 'version', 1, 'inputs', '{}'::jsonb),
           %(prefix)s || n %% %(requesters)s, %(priority)s
    FROM generate_series(1, %(count)s::int) n
"""

_INSERT = """
    INSERT INTO "RegenerationJob" (id, "instructionJson", "requestedBy", priority)
    VALUES (%s, jsonb_build_object('type', %s::text, 'version', %s::int), %s, %s)
"""


def enqueue(connection: Connection, prefix: str, job_type: str, count: int, *, priority: int = 0, requesters: int = 1) -> None:
    parameters = {"prefix": prefix, "type": job_type, "count": count, "priority": priority, "requesters": requesters}
    connection.execute(_ENQUEUE, parameters)


def test_the_total_counts_what_runs(superuser: Connection, operator: Connection) -> None:
    enqueue(superuser, "a", "document", 5)
    assert len(claim(operator, total=3)) == 3
    assert claim(operator, total=3) == []
    assert len(claim(operator, total=4)) == 1


def test_a_total_of_zero_claims_nothing(superuser: Connection, operator: Connection) -> None:
    insert(superuser, "j")
    assert claim(operator, total=0) == []


def test_a_type_at_its_cap_leaves_room_for_another(superuser: Connection, operator: Connection) -> None:
    enqueue(superuser, "doc", "document", 5, priority=9)
    enqueue(superuser, "exp", "export", 5)
    claimed = claim(operator, types={"document": 2}, total=4)
    assert [job_id for job_id, _ in claimed] == ["doc1", "doc2", "exp1", "exp2"]


def test_a_type_capped_at_zero_is_not_claimed(superuser: Connection, operator: Connection) -> None:
    insert(superuser, "j")
    assert claim(operator, types={"document": 0}) == []


def test_a_requester_is_capped_across_types(superuser: Connection, operator: Connection) -> None:
    for number in range(3):  # ids sort as the rows were made: two rows of one millisecond go by id
        insert(superuser, f"mine{number}-doc", requester="me", priority=5)
        insert(superuser, f"mine{number}-exp", "export", requester="me", priority=5)
    insert(superuser, "yours", requester="you")
    assert [job_id for job_id, _ in claim(operator, requester=2)] == ["mine0-doc", "mine0-exp", "yours"]
    assert claim(operator, requester=2) == []


def test_jobs_without_a_requester_have_no_requester_cap(superuser: Connection, operator: Connection) -> None:
    for number in range(4):
        insert(superuser, f"j{number}")
    assert len(claim(operator, requester=1)) == 4


def test_100_000_capped_rows_hide_nothing(superuser: Connection, operator: Connection) -> None:
    enqueue(superuser, "running", "document", 1, priority=99)
    assert len(claim(operator, types={"document": 1})) == 1
    enqueue(superuser, "head", "document", 50_000, priority=9, requesters=300)
    enqueue(superuser, "busy", "export", 50_000, priority=8)
    insert(superuser, "eligible", "export", requester="someone", priority=-1)
    insert(superuser, "anonymous", "export", priority=-2)
    assert len(claim(operator, 1, types={"document": 1}, requester=1)) == 1  # the busy one's only slot
    operator.execute("SET statement_timeout = '5s'")
    assert [row[0] for row in claim(operator, types={"document": 1}, requester=1)] == ["eligible", "anonymous"]
    assert claim(operator, types={"document": 1}, requester=1) == []


def test_what_the_head_gave_takes_no_place_of_what_is_behind_it(superuser: Connection, operator: Connection) -> None:
    enqueue(superuser, "busy", "export", 1)
    assert len(claim(operator, types={"export": 1})) == 1
    insert(superuser, "a1", priority=9, requester="one")
    enqueue(superuser, "full", "export", 109, priority=7)
    for number in range(2, 6):
        insert(superuser, f"a{number}", priority=5, requester="one")
    enqueue(superuser, "b", "document", 5)
    claimed = claim(operator, 5, types={"document": 5, "export": 1})
    assert [job_id for job_id, _ in claimed] == ["a1", "a2", "a3", "a4", "a5"]


def test_a_row_of_another_version_takes_no_place_either(superuser: Connection, operator: Connection) -> None:
    enqueue(superuser, "busy", "export", 1)
    assert len(claim(operator, types={"export": 1})) == 1
    enqueue(superuser, "full", "export", 120, priority=7)
    insert(superuser, "strange1", priority=5, requester="one", version=2)
    insert(superuser, "strange2", priority=4, requester="one", version=3)
    insert(superuser, "mine", priority=3, requester="one")
    insert(superuser, "mine-too", priority=2, requester="one")
    insert(superuser, "nobodys-strange", priority=1, version=2)
    insert(superuser, "nobodys", priority=0)
    claimed = claim(operator, 3, types={"export": 1}, requester=1)
    assert dict(claimed) == {
        "mine": "RUNNING",
        "nobodys": "RUNNING",
        "strange1": "FAILED",
        "strange2": "FAILED",
        "nobodys-strange": "FAILED",
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    groups=st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from(["x", "y", "z", None]),
            st.integers(0, 2),
            st.integers(1, 90),
            st.sampled_from([1, 1, 1, 2]),
        ),
        min_size=1,
        max_size=8,
    ),
    batch=st.integers(1, 8),
    total=st.one_of(st.none(), st.integers(0, 30)),
    types=st.dictionaries(st.sampled_from("abc"), st.integers(0, 6)),
    requester=st.one_of(st.none(), st.integers(0, 6)),
)
def test_takes_what_a_walk_through_the_queue_would(
    *,
    database: Database,
    groups: list[tuple[str, str | None, int, int, int]],
    batch: int,
    total: int | None,
    types: dict[str, int],
    requester: int | None,
) -> None:
    """The model: walk the whole queue in order, and take each job that no cap forbids.

    Jobs of another instruction version use no slot. Each claim fails up to ``batch`` of them.
    """
    with psycopg.connect(database.url) as connection:  # rolled back: each example finds an empty table
        waiting = []
        for group, (job_type, who, priority, count, version) in enumerate(groups):
            waiting += [(-priority, f"{number:03}-{group}", job_type, who, version) for number in range(count)]
        with connection.cursor() as cursor:
            cursor.executemany(
                _INSERT, [(job_id, job_type, version, who, -order) for order, job_id, job_type, who, version in waiting]
            )
        by_type, by_requester, taken_total = Counter[str](), Counter[str | None](), 0
        for _ in range(3):
            want = batch if total is None else min(batch, total - taken_total)
            refused = sorted((entry for entry in waiting if entry[4] != 1), key=lambda entry: entry[1])[:batch]
            expected: dict[str, str] = {}
            slots = 0
            for entry in sorted((entry for entry in waiting if entry[4] == 1), key=lambda entry: entry[:2]):
                _, job_id, job_type, who, _ = entry
                if slots >= want:
                    break
                if by_type[job_type] < types.get(job_type, 1000) and (
                    requester is None or who is None or by_requester[who] < requester
                ):
                    expected[job_id] = "RUNNING"
                    waiting.remove(entry)
                    slots += 1
                    by_type[job_type] += 1
                    by_requester[who] += 1
            for entry in refused:
                expected[entry[1]] = "FAILED"
                waiting.remove(entry)
            taken_total += slots
            claimed = claim(connection, batch, total=total, types=types, requester=requester, known=("a", "b", "c"))
            assert dict(claimed) == expected
            runs = [job_id for job_id, state in claimed if state == "RUNNING"]
            assert runs == [job_id for job_id, state in expected.items() if state == "RUNNING"]
        connection.rollback()
