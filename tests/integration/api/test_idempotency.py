"""Does a repeated request make nothing and get the same answer, and is a key the caller's own?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from regen_core.instruction import LEVELS
from tests.integration.database.jobs import claim, fail

if TYPE_CHECKING:
    import httpx
    import psycopg

    from tests.integration.api.conftest import Start
    from tests.integration.api.identity import Provider

JOBS = "/api/v1/regeneration-jobs"
BODY: dict[str, Any] = {"type": "document", "inputs": {"title": "A page", "n": 1}}


async def post(client: httpx.AsyncClient, key: str | None, **changed: Any) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post(JOBS, json=BODY | changed, headers=headers)


def count(superuser: psycopg.Connection[Any]) -> int:
    row = superuser.execute('SELECT count(*) FROM "RegenerationJob"').fetchone()
    assert row is not None
    return int(row[0])


async def test_twenty_at_once_are_one(admin: httpx.AsyncClient, superuser: psycopg.Connection[Any]) -> None:
    answers = await asyncio.gather(*(post(admin, "k") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers].count("true") == 19
    assert count(superuser) == 1


async def test_twenty_at_once_of_a_plan_are_one(start: Start, provider: Provider, superuser: psycopg.Connection[Any]) -> None:
    superuser.execute("""INSERT INTO "User" (id, subject) VALUES ('u', 'alice')""")
    superuser.execute("""INSERT INTO "Plan" VALUES ('p', 'u', 'SQL', 'beginner', 5, 'video')""")
    alice = await start(token=provider.token())
    answers = await asyncio.gather(
        *(alice.post("/api/v1/plans/p/regenerate", headers={"Idempotency-Key": "k"}) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers].count("true") == 19
    assert superuser.execute('SELECT count(*) FROM "PlanGeneration"').fetchone() == (1,)
    assert count(superuser) == 1


async def test_twenty_at_once_with_other_bodies_leave_one_winner(
    admin: httpx.AsyncClient, superuser: psycopg.Connection[Any]
) -> None:
    answers = await asyncio.gather(*(post(admin, "k", priority=number) for number in range(20)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 19
    assert count(superuser) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "export"},
        {"inputs": {"title": "A page"}},
        {"priority": 1},
        {"sources": [{"name": "a", "uri": "https://x/a", "sha256": "a" * 64}]},
    ],
)
async def test_another_body_is_a_conflict(admin: httpx.AsyncClient, changed: dict[str, Any]) -> None:
    assert (await post(admin, "k")).status_code == 202
    answer = await post(admin, "k", **changed)
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:regen:problem:idempotency-key-reused"


async def test_the_same_body_in_other_words_is_the_same(admin: httpx.AsyncClient) -> None:
    first = await post(admin, "k")
    again = await admin.post(
        JOBS,
        content=b'{ "priority": 0.0, "sources": [], "inputs": {"n": 1.0, "title": "A page"}, "type": "document" }',
        headers={"Idempotency-Key": "k", "Content-Type": "application/json"},
    )
    assert (again.status_code, again.json()) == (202, first.json())


async def test_the_answer_stays_when_the_job_has_moved_on(admin: httpx.AsyncClient, superuser: psycopg.Connection[Any]) -> None:
    first = await post(admin, "k")
    claim(superuser)
    fail(superuser, {"id": first.json()["id"]})
    assert (await post(admin, "k")).json() == first.json()


async def test_without_a_key_each_request_is_a_job(admin: httpx.AsyncClient, superuser: psycopg.Connection[Any]) -> None:
    await post(admin, None)
    await post(admin, None)
    assert count(superuser) == 2


async def test_a_key_is_the_callers_own(start: Start, provider: Provider, superuser: psycopg.Connection[Any]) -> None:
    """Nor can a subject be chosen so that its keys are another's."""
    for subject, key in (("a", "k"), ("b", "k"), ("a:k", "k"), ("a", "k:k"), ("a%3Ak", "k")):
        client = await start(token=provider.token(sub=subject, roles=["regen-admin"]))
        assert (await post(client, key)).status_code == 202
    assert count(superuser) == 5


async def test_the_longest_subject_and_key_fit(start: Start, provider: Provider) -> None:
    client = await start(token=provider.token(sub="%" * 255, roles=["regen-admin"]))
    assert (await post(client, "~" * 200)).status_code == 202


async def test_a_key_of_a_custom_resource_cannot_be_taken(admin: httpx.AsyncClient, superuser: psycopg.Connection[Any]) -> None:
    await post(admin, "cr:default/regen/mine")
    rows = superuser.execute('SELECT "idempotencyKey" FROM "RegenerationJob"').fetchall()
    assert rows == [("api:root:cr:default/regen/mine",)]


async def test_a_key_whose_job_was_purged_is_a_conflict(admin: httpx.AsyncClient, superuser: psycopg.Connection[Any]) -> None:
    assert (await post(admin, "k")).status_code == 202
    superuser.execute(
        """INSERT INTO "PurgedJob" ("jobId", status, "idempotencyKey", "completedAt", "exportSha256", "purgedBy", "purgedAt")
           SELECT 'gone', 'FAILED', replace("idempotencyKey", ':k', ':old'), now(), repeat('0', 64), 'me', now()
           FROM "RegenerationJob" """
    )
    answer = await post(admin, "old")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:regen:problem:idempotency-key-reused")
    assert "was purged since" in answer.text
    assert (await post(admin, "new")).status_code == 202


@pytest.mark.parametrize("key", [None, "k"])
async def test_inputs_too_deep_for_the_database_are_a_bad_request(admin: httpx.AsyncClient, key: str | None) -> None:
    inputs: Any = 1
    for _ in range(LEVELS - 1):
        inputs = {"a": inputs}
    answer = await post(admin, key, inputs=inputs)
    assert answer.status_code == 400, answer.text
    [error] = answer.json()["errors"]
    assert error["field"] == "inputs"
    assert f"expected fewer than {LEVELS} levels" in error["message"]
    assert (await post(admin, key, inputs=inputs["a"])).status_code == 202


@pytest.mark.parametrize("key", [None, "k"])
async def test_what_the_guard_refuses_for_another_reason_is_a_bad_request(
    admin: httpx.AsyncClient, superuser: psycopg.Connection[Any], key: str | None
) -> None:
    superuser.execute(
        """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               RAISE EXCEPTION USING ERRCODE = 'RG002', MESSAGE = 'regeneration job x is refused: priority: expected less';
           END $$;
           CREATE TRIGGER refuses BEFORE INSERT ON "RegenerationJob" FOR EACH ROW EXECUTE FUNCTION refuse()"""
    )
    answer = await post(admin, key)
    assert (answer.status_code, answer.json()["errors"]) == (400, [{"field": "priority", "message": "expected less"}])
