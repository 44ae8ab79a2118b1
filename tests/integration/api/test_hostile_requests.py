"""Is what no client should send answered with a 4xx that says why, and never with a 500?"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    import psycopg

JOBS = "/api/v1/regeneration-jobs"
INPUTS: dict[str, bytes] = {
    "not JSON": b'{"type": "document", "inputs": {',
    "not UTF-8": b'{"type": "document", "inputs": {"a": "\xff"}}',
    "NaN": b'{"type": "document", "inputs": {"a": NaN}}',
    "infinity": b'{"type": "document", "inputs": {"a": 1e999}}',
    "beyond 2^53": b'{"type": "document", "inputs": {"a": 9007199254740993}}',
    "thousands of digits": b'{"type": "document", "inputs": {"a": ' + b"9" * 5000 + b"}}",
    "NUL": b'{"type": "document", "inputs": {"a": "\\u0000"}}',
    "NUL in a key": b'{"type": "document", "inputs": {"\\u0000": 1}}',
    "NUL in a source": b'{"type": "document", "inputs": {}, "sources": [{"name": "a", "uri": "https://x/\\u0000", "sha256": "'
    + b"a" * 64
    + b'"}]}',
    "surrogate": b'{"type": "document", "inputs": {"a": "\\ud800"}}',
    "surrogate in an unknown key": b'{"type": "document", "inputs": {}, "\\ud800": 1}',
    "deep": b'{"type": "document", "inputs": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}",
    "deeper": b'{"type": "document", "inputs": {"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}}",
    "a retry of NUL": b'{"type": "document", "inputs": {}, "retryOf": "\\u0000"}',
    "a retry of a surrogate": b'{"type": "document", "inputs": {}, "retryOf": "\\ud800"}',
    "priority beyond an integer": b'{"type": "document", "inputs": {}, "priority": 99999999999999999999}',
    "priority in words": b'{"type": "document", "inputs": {}, "priority": "high"}',
    "a type of its own": b'{"type": "Document", "inputs": {}}',
    "an unknown key": b'{"type": "document", "inputs": {}, "status": "COMPLETED"}',
    "a list": b"[]",
    "nothing": b"",
}


@pytest.mark.parametrize("what", INPUTS)
async def test_a_body(admin: httpx.AsyncClient, superuser: psycopg.Connection[Any], what: str) -> None:
    answer = await admin.post(JOBS, content=INPUTS[what], headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] in {"urn:regen:problem:validation", "urn:regen:problem:bad-request"}
    assert superuser.execute('SELECT count(*) FROM "RegenerationJob"').fetchone() == (0,)


async def test_a_backslash_before_u0000_is_text(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(JOBS, json={"type": "document", "inputs": {"a": "\\u0000"}})
    assert answer.status_code == 202
    job = (await admin.get(answer.headers["Location"])).json()
    assert job["instruction"]["inputs"] == {"a": "\\u0000"}


def cursor(*key: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


CURSORS = {
    "no base64": "!!!",
    "no JSON": "YWJj",
    "no key": cursor(),
    "no time": cursor("yesterday", "a"),
    "a time of a zone": cursor("2026-01-01T00:00:00+09:00", "a"),
    "a number": cursor("2026-01-01T00:00:00", 5),
    "NUL": cursor("2026-01-01T00:00:00", "\0"),
    "a surrogate": cursor("2026-01-01T00:00:00", "\ud800"),
    "too long": "A" * 1025,
}


@pytest.mark.parametrize("what", CURSORS)
async def test_a_cursor(admin: httpx.AsyncClient, what: str) -> None:
    answer = await admin.get(JOBS, params={"cursor": CURSORS[what]})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "query.cursor"


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "query.limit"), ("limit=201", "query.limit"), ("status=DONE", "query.status"), ("type=%00", "query.type")],
)
async def test_a_query(admin: httpx.AsyncClient, query: str, field: str) -> None:
    answer = await admin.get(f"{JOBS}?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "path", ["%00", "%0a", "a%5Cb", "x" * 201, "%00/events", "%00/outputs/a", "a/outputs/..%2f", "a/outputs/%00"]
)
async def test_a_path(admin: httpx.AsyncClient, path: str) -> None:
    answer = await admin.get(f"{JOBS}/{path}")
    assert answer.status_code in {400, 404}
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "ä"])
async def test_an_idempotency_key(admin: httpx.AsyncClient, key: str) -> None:
    answer = await admin.post(JOBS, json={"type": "document", "inputs": {}}, headers={"Idempotency-Key": key.encode("latin-1")})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "header.Idempotency-Key"


async def test_a_body_that_is_too_large_by_its_own_word(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(JOBS, content=b" " * (1024 * 1024 + 1), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_body_that_is_too_large_without_a_word(admin: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(1025):
            yield b" " * 1024

    answer = await admin.post(JOBS, content=pieces(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


async def test_every_method_of_a_path_is_allowed(admin: httpx.AsyncClient) -> None:
    assert (await admin.put(JOBS)).headers["Allow"] == "GET, POST"
    assert (await admin.put(f"{JOBS}/a")).headers["Allow"] == "GET"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("DELETE", f"{JOBS}/a", 405),
        ("PATCH", f"{JOBS}/a", 405),
        ("PUT", JOBS, 405),
        ("GET", JOBS + "/", 404),
    ],
)
async def test_what_does_not_exist_is_a_problem(admin: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    answer = await admin.request(method, path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert ("Allow" in answer.headers) == (status == 405)
