"""Does a learner's request become a job of the plan as it is now, and can its state be read by its owner alone?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.database.jobs import claim, complete, fail, insert, output, start

if TYPE_CHECKING:
    import httpx
    import psycopg

    from tests.integration.api.conftest import Start
    from tests.integration.api.identity import Provider

    Connection = psycopg.Connection[Any]

PATH = "/api/v1/plans/plan-1"
JOBS = "/api/v1/regeneration-jobs"


@pytest.fixture(autouse=True)
def plans(superuser: Connection) -> None:
    superuser.execute("""INSERT INTO "User" (id, subject, tier) VALUES ('u1', 'alice', 'starter'), ('u2', 'bob', 'free')""")
    superuser.execute(
        """INSERT INTO "Plan" (id, "userId", topic, "skillLevel", "weeklyHours", "learningStyle", "startDate", notes)
           VALUES ('plan-1', 'u1', 'SQL', 'beginner', 5, 'video', '2026-01-01', 'mornings'),
                  ('plan-2', 'u2', 'Rust', 'advanced', 3, 'reading', NULL, NULL)"""
    )


@pytest.fixture
async def alice(start: Start, provider: Provider) -> httpx.AsyncClient:
    return await start(token=provider.token())


def rows(superuser: Connection) -> list[Any]:
    return superuser.execute(
        """SELECT j.id, j.status::text, j."instructionJson", j.priority, j."requestedBy", g."planId", g.overrides
           FROM "RegenerationJob" j LEFT JOIN "PlanGeneration" g ON g."jobId" = j.id ORDER BY j."createdAt" """
    ).fetchall()


async def test_the_owners_case(alice: httpx.AsyncClient, superuser: Connection) -> None:
    answer = await alice.post(f"{PATH}/regenerate", json={"overrides": {"topic": "interview prep"}})
    assert answer.status_code == 202
    body = answer.json()
    assert body == {"generationId": body["generationId"], "planId": "plan-1", "status": "pending"}
    assert body["generationId"]
    inputs = {
        "topic": "interview prep",
        "skillLevel": "beginner",
        "weeklyHours": 5,
        "learningStyle": "video",
        "startDate": "2026-01-01T00:00:00.000Z",
        "notes": "mornings",
    }
    instruction = {"type": "plan_regeneration", "version": 1, "inputs": inputs}
    row = (body["generationId"], "PENDING", instruction, 15, "alice", "plan-1", {"topic": "interview prep"})
    assert rows(superuser) == [row]
    assert superuser.execute("""SELECT topic FROM "Plan" WHERE id = 'plan-1'""").fetchone() == ("SQL",)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"overrides": {}}', b"null"])
async def test_without_overrides_the_plan_stays_as_it_is(
    alice: httpx.AsyncClient, superuser: Connection, content: bytes
) -> None:
    answer = await alice.post(f"{PATH}/regenerate", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 202, answer.text
    [row] = rows(superuser)
    assert (row[2]["inputs"]["topic"], row[3]) == ("SQL", 10)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"overrides": {"weeklyHours": 81}}, "overrides.weeklyHours"),
        ({"overrides": {"weekly": 8}}, "overrides.weekly"),
        ({"override": {}}, "override"),
        ({"overrides": None}, "overrides"),
        ({"overrides": []}, "overrides"),
        ([], "body"),
        ({"overrides": {"startDate": "soon"}}, "overrides.startDate"),
        ({"overrides": {"deadlineDate": "2025-01-01T00:00:00Z"}}, "overrides.deadlineDate"),
    ],
)
async def test_a_wrong_body_is_a_400_that_names_the_field(
    alice: httpx.AsyncClient, superuser: Connection, body: Any, field: str
) -> None:
    answer = await alice.post(f"{PATH}/regenerate", json=body)
    assert answer.status_code == 400
    problem = answer.json()
    assert problem["errors"][0]["field"] == field
    assert problem["detail"].startswith(field)
    assert rows(superuser) == []


@pytest.mark.parametrize(
    ("subject", "plan"), [("nobody", "plan-1"), ("alice", "plan-9"), ("alice", "plan-2"), ("bob", "plan-1")]
)
async def test_unknown_user_unknown_plan_and_someone_elses_are_alike(
    start: Start, provider: Provider, superuser: Connection, subject: str, plan: str
) -> None:
    client = await start(token=provider.token(sub=subject))
    answers = [
        await client.post(f"/api/v1/plans/{plan}/regenerate", json={"overrides": {"topic": "interview prep"}}),
        await client.get(f"/api/v1/plans/{plan}"),
    ]
    for answer in answers:
        assert answer.status_code == 404
        assert {**answer.json(), "requestId": ""} == {
            "type": "urn:regen:problem:not-found",
            "title": "Not Found",
            "status": 404,
            "detail": "plan not found",
            "requestId": "",
        }
    assert rows(superuser) == []


async def test_a_repeat_is_the_same_job_even_if_the_plan_has_changed(alice: httpx.AsyncClient, superuser: Connection) -> None:
    body = {"overrides": {"topic": "interview prep"}}
    first = await alice.post(f"{PATH}/regenerate", json=body, headers={"Idempotency-Key": "k"})
    superuser.execute("""UPDATE "Plan" SET "weeklyHours" = 9, topic = 'Go' WHERE id = 'plan-1'""")
    again = await alice.post(f"{PATH}/regenerate", json=body, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()) == (202, first.json())
    other = await alice.post(f"{PATH}/regenerate", json={"overrides": {}}, headers={"Idempotency-Key": "k"})
    assert other.status_code == 409
    assert other.json()["type"] == "urn:regen:problem:idempotency-key-reused"
    assert len(rows(superuser)) == 1
    assert 'regen_api_jobs_total{by="plan"} 1.0' in (await alice.get("/metrics")).text


async def test_a_key_of_a_plan_is_not_that_of_a_job(admin: httpx.AsyncClient, superuser: Connection) -> None:
    superuser.execute("""UPDATE "User" SET subject = 'root' WHERE id = 'u1'""")
    made = await admin.post(f"{PATH}/regenerate", headers={"Idempotency-Key": "k"})
    [row] = rows(superuser)
    same = {"type": "plan_regeneration", "inputs": row[2]["inputs"], "priority": row[3]}
    assert made.status_code == 202
    assert (await admin.post(JOBS, json=same, headers={"Idempotency-Key": "k"})).status_code == 409
    assert (await admin.post(JOBS, json=same, headers={"Idempotency-Key": "j"})).status_code == 202
    assert (await admin.post(f"{PATH}/regenerate", headers={"Idempotency-Key": "j"})).status_code == 409


async def test_the_state_follows_the_jobs(alice: httpx.AsyncClient, superuser: Connection) -> None:
    async def state() -> dict[str, Any]:
        answer = await alice.get(PATH)
        assert answer.status_code == 200
        return dict(answer.json())

    async def regenerated() -> str:
        job_id = str((await alice.post(f"{PATH}/regenerate")).json()["generationId"])
        waiting = await state()
        assert (waiting["status"], waiting["generationId"]) == ("pending", job_id)
        claim(superuser, known=("plan_regeneration",))
        assert (await state())["status"] == "pending"
        return job_id

    assert await state() == {
        "planId": "plan-1", "status": "none", "generationId": None, "requestedAt": None, "reason": None, "output": None,
    }  # fmt: skip
    first = await regenerated()
    start(superuser, first)
    folder = f"s3://regen/outputs/plan_regeneration/{first}"
    outputs = [output(ref=f"{folder}/a.pdf")]
    assert complete(superuser, first, ref=f"{folder}/manifest.json", outputs=outputs) == "completed"
    ready = await state()
    assert (ready["status"], ready["output"]["generationId"]) == ("ready", first)
    assert [file["name"] for file in ready["output"]["files"]] == ["a.pdf"]
    second = await regenerated()
    assert (await state())["output"] == ready["output"]
    fail(superuser, {"id": second})
    failed = await state()
    assert (failed["status"], failed["generationId"], failed["output"]) == ("failed", second, ready["output"])
    assert failed["reason"] == {"classification": "lost", "message": "gone", "retryable": True}


async def test_an_admins_repeat_is_the_plans_job_too(
    alice: httpx.AsyncClient, admin: httpx.AsyncClient, superuser: Connection
) -> None:
    first = (await alice.post(f"{PATH}/regenerate")).json()["generationId"]
    repeat = {"type": "plan_regeneration", "inputs": rows(superuser)[0][2]["inputs"], "retryOf": first}
    too_early = await admin.post(JOBS, json=repeat)
    assert (too_early.status_code, too_early.json()["type"]) == (409, "urn:regen:problem:retry-refused")
    claim(superuser, known=("plan_regeneration",))
    fail(superuser, {"id": first})
    second = (await admin.post(JOBS, json=repeat)).json()["id"]
    assert (await alice.get(PATH)).json()["generationId"] == second
    assert (await alice.get(f"{JOBS}/{second}")).json()["retryOf"] == first


async def test_a_learner_sees_own_jobs_and_no_other(
    alice: httpx.AsyncClient, start: Start, provider: Provider, superuser: Connection
) -> None:
    own = (await alice.post(f"{PATH}/regenerate")).json()["generationId"]
    insert(superuser, "theirs", requester="bob")
    insert(superuser, "nobodys")
    bob = await start(token=provider.token(sub="bob"))
    for path in ("", "/events", "/outputs/a.pdf"):
        assert (await alice.get(f"{JOBS}/theirs{path}")).status_code == 404
        assert (await alice.get(f"{JOBS}/nobodys{path}")).status_code == 404
        assert (await bob.get(f"{JOBS}/{own}{path}")).status_code == 404
    assert (await alice.get(f"{JOBS}/{own}")).status_code == 200
    assert (await alice.get(f"{JOBS}/{own}/events")).status_code == 200
    assert (await alice.get(JOBS)).status_code == 403
    assert (await alice.post(JOBS, json={"type": "document", "inputs": {}})).status_code == 403
