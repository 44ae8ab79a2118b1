"""Does a request become exactly one PENDING row, and can it be read back?"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from regen_core.audit_chain import AuditRecord, event_hash
from tests.integration.database.jobs import claim, complete, start

if TYPE_CHECKING:
    import httpx
    import psycopg

PATH = "/api/v1/regeneration-jobs"
BODY: dict[str, Any] = {"type": "document", "inputs": {"title": "A page", "numbers": [1, 2.5, None]}}


async def made(admin: httpx.AsyncClient, **fields: Any) -> str:
    answer = await admin.post(PATH, json=BODY | fields)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def test_a_request_becomes_a_row(admin: httpx.AsyncClient, superuser: psycopg.Connection[Any]) -> None:
    answer = await admin.post(PATH, json=BODY | {"priority": 7})
    assert answer.status_code == 202
    accepted = answer.json()
    assert accepted == {
        "id": accepted["id"],
        "type": "document",
        "status": "PENDING",
        "priority": 7,
        "retryOf": None,
        "createdAt": accepted["createdAt"],
    }
    assert answer.headers["Location"] == f"{PATH}/{accepted['id']}"
    rows = superuser.execute(
        """SELECT id, status::text, "instructionJson", priority, "requestedBy", "idempotencyKey", "retryOf"
           FROM "RegenerationJob" """
    ).fetchall()
    instruction = {"type": "document", "version": 1, "inputs": BODY["inputs"]}
    assert rows == [(accepted["id"], "PENDING", instruction, 7, "root", None, None)]


async def test_reads_what_became_of_it(admin: httpx.AsyncClient, superuser: psycopg.Connection[Any]) -> None:
    job_id = await made(admin)
    waiting = (await admin.get(f"{PATH}/{job_id}")).json()
    assert (waiting["status"], waiting["run"], waiting["outputs"], waiting["lockedAt"]) == ("PENDING", None, [], None)
    claim(superuser)
    start(superuser, job_id)
    complete(superuser, job_id)
    job = (await admin.get(f"{PATH}/{job_id}")).json()
    assert job["status"] == "COMPLETED"
    assert job["instruction"] == {"type": "document", "version": 1, "inputs": BODY["inputs"]}
    assert (job["run"]["podName"], job["run"]["podUid"]) == ("pod-1", "uid-1")
    assert [(one["name"], one["sha256"], one["sizeBytes"]) for one in job["outputs"]] == [("a.pdf", "a" * 64, 5)]
    assert job["completedAt"].endswith("Z")
    events = (await admin.get(f"{PATH}/{job_id}/events")).json()["items"]
    assert [event["event"] for event in events] == ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_COMPLETED"]
    assert events[0]["prevHash"] is None
    assert [event["prevHash"] for event in events[1:]] == [event["hash"] for event in events[:-1]]


async def test_pages_hold_every_job_once_newest_first(admin: httpx.AsyncClient) -> None:
    ids = [await made(admin) for _ in range(7)]
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await admin.get(PATH, params={"limit": "3"} | cursor)).json()
        found += page["items"]
        if page["nextCursor"] is None:
            break
        assert len(page["items"]) == 3
        cursor = {"cursor": page["nextCursor"]}
    assert sorted(job["id"] for job in found) == sorted(ids)
    order = [(job["createdAt"], job["id"]) for job in found]
    assert order == sorted(order, reverse=True)


async def test_filters_by_status_and_type(admin: httpx.AsyncClient, superuser: psycopg.Connection[Any]) -> None:
    running = await made(admin)
    claim(superuser)
    waiting = await made(admin, type="export")

    async def ids(**query: str) -> list[str]:
        return [job["id"] for job in (await admin.get(PATH, params=query)).json()["items"]]

    assert await ids(status="RUNNING") == [running]
    assert await ids(status="PENDING") == [waiting]
    assert await ids(type="export") == [waiting]
    assert await ids(status="FAILED", type="export") == []
    assert await ids(requestedBy="root") == [waiting, running]
    assert await ids(requestedBy="ada") == []
    several = await admin.get(PATH, params=[("status", "RUNNING"), ("status", "PENDING"), ("status", "PENDING")])
    assert [job["id"] for job in several.json()["items"]] == [waiting, running]


async def test_a_job_that_waits_says_what_it_waits_behind(admin: httpx.AsyncClient, superuser: psycopg.Connection[Any]) -> None:
    running = await made(admin)
    claim(superuser)
    await made(admin, priority=5)
    last = await made(admin, type="export")
    waits = (await admin.get(f"{PATH}/{last}")).json()["waiting"]
    assert waits == {"place": 2, "running": 1, "runningOfType": 0, "runningOfRequester": 1}
    assert (await admin.get(f"{PATH}/{running}")).json()["waiting"] is None


async def test_the_queue_is_what_ended_just_now_what_runs_and_what_is_next(
    admin: httpx.AsyncClient, superuser: psycopg.Connection[Any]
) -> None:
    ended, running = await made(admin, priority=9), await made(admin, priority=8)
    claim(superuser)
    start(superuser, ended)
    complete(superuser, ended)
    low, high, lowest = [await made(admin, priority=priority) for priority in (1, 5, 0)]
    items = (await admin.get("/api/v1/queue")).json()["items"]
    assert [job["id"] for job in items] == [ended, running, high, low, lowest]
    head = (await admin.get("/api/v1/queue", params={"limit": "1"})).json()["items"]
    assert [job["id"] for job in head] == [ended, running, high]
    listed = (await admin.get(PATH)).json()["items"]
    assert sorted(items, key=lambda job: str(job["id"])) == sorted(listed, key=lambda job: str(job["id"]))


async def test_the_hash_of_an_event_is_over_the_text_of_its_detail(
    admin: httpx.AsyncClient, superuser: psycopg.Connection[Any]
) -> None:
    job_id = await made(admin)
    claim(superuser)
    [event] = (await admin.get(f"{PATH}/{job_id}/events")).json()["items"]
    at = datetime.fromisoformat(event["at"])
    record = AuditRecord(
        event["id"], event["event"], job_id, event["status"], event["actor"], at, event["detailText"], None, event["hash"]
    )
    assert event_hash(record) == event["hash"]
    assert json.loads(event["detailText"]) == event["detail"]


@pytest.mark.parametrize("path", [f"{PATH}/none", f"{PATH}/none/events"])
async def test_an_unknown_job_is_not_found(admin: httpx.AsyncClient, path: str) -> None:
    answer = await admin.get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:regen:problem:not-found"
