"""Do request ids, headers, tags, rates, probes, metrics and the log surround every answer, and tell no secret?"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from tests.integration.database.jobs import claim

if TYPE_CHECKING:
    import httpx
    import psycopg

    from tests.integration.api.conftest import Start
    from tests.integration.api.identity import Provider

JOBS = "/api/v1/regeneration-jobs"
BODY: dict[str, Any] = {"type": "document", "inputs": {"title": "a secret title"}}


async def test_every_answer_has_its_headers(admin: httpx.AsyncClient) -> None:
    for path in (JOBS, f"{JOBS}/none", "/nothing", "/healthz", "/openapi.json"):
        headers = (await admin.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        assert headers["Cache-Control"] == "no-store"
        assert "server" not in headers


@pytest.mark.parametrize(("given", "kept"), [("abc-1.2_3", True), ("a b", False), ("x" * 65, False), ("a\u00e4", False)])
async def test_a_request_id_is_kept_if_it_is_one(admin: httpx.AsyncClient, *, given: str, kept: bool) -> None:
    answer = await admin.get(f"{JOBS}/none", headers={"X-Request-ID": given.encode("latin-1")})
    assert (answer.headers["X-Request-ID"] == given) is kept
    assert answer.json()["requestId"] == answer.headers["X-Request-ID"]


async def test_two_requests_have_two_ids(admin: httpx.AsyncClient) -> None:
    assert (await admin.get(JOBS)).headers["X-Request-ID"] != (await admin.get(JOBS)).headers["X-Request-ID"]


@pytest.mark.parametrize("path", ["", "/events"])
async def test_a_tag_changes_with_the_job_and_only_then(
    admin: httpx.AsyncClient, superuser: psycopg.Connection[Any], path: str
) -> None:
    url = (await admin.post(JOBS, json=BODY)).headers["Location"] + path
    first = await admin.get(url)
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    for condition in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        unchanged = await admin.get(url, headers={"If-None-Match": condition})
        assert (unchanged.status_code, unchanged.content, unchanged.headers["ETag"]) == (304, b"", tag)
    assert (await admin.get(url, headers={"If-None-Match": '"other"'})).status_code == 200
    claim(superuser)
    changed = await admin.get(url, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


async def test_a_rate_is_each_subjects_own(start: Start, provider: Provider) -> None:
    client = await start(token=None, rate_limit_per_minute=3)
    alice, bob = ({"Authorization": f"Bearer {provider.token(sub=name)}"} for name in ("alice", "bob"))
    # A window may end between two requests: two of them let six through, and never a seventh.
    answers = [await client.get(f"{JOBS}/none", headers=alice) for _ in range(7)]
    first = next(index for index, answer in enumerate(answers) if answer.status_code == 429)
    assert 3 <= first <= 6
    assert {answer.status_code for answer in answers[:first]} == {404}
    refused = answers[first]
    assert 1 <= int(refused.headers["Retry-After"]) <= 120
    assert refused.json()["type"] == "urn:regen:problem:too-many-requests"
    assert (await client.get(f"{JOBS}/none", headers=bob)).status_code == 404


async def test_no_limit_is_none(start: Start) -> None:
    client = await start(rate_limit_per_minute=0)
    assert {(await client.get(f"{JOBS}/none")).status_code for _ in range(20)} == {404}


async def test_other_origins_are_not_named(admin: httpx.AsyncClient) -> None:
    answer = await admin.get(JOBS, headers={"Origin": "https://app.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_named_origin_may_ask(start: Start) -> None:
    client = await start(cors_origins=("https://app.example",))
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    preflight = await client.options(JOBS, headers=asked | {"Access-Control-Request-Headers": "authorization,idempotency-key"})
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (200, "https://app.example")
    assert (await client.options(JOBS, headers=asked | {"Origin": "https://evil.example"})).status_code == 400
    answer = await client.get(JOBS, headers={"Origin": "https://app.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    shown = {name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert shown == {"ETag", "Idempotency-Replayed", "Location", "Retry-After", "X-Request-ID"}


async def test_the_log_tells_who_asked_for_what_and_no_secret(
    start: Start, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    token = provider.token(sub="alice", roles=["regen-admin"])
    client = await start(token=token)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.JSONRenderer()],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    try:
        with caplog.at_level(logging.INFO):
            await client.post(f"{JOBS}?key=hidden", json=BODY, headers={"X-Request-ID": "one", "Idempotency-Key": "hidden"})
            await client.post(f"{JOBS}?key=hidden", json=BODY | {"surprise": "hidden"})
            await client.get("/healthz")
    finally:
        structlog.reset_defaults()
    lines = [json.loads(record.message) for record in caplog.records if record.message.startswith("{")]
    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"], line["subject"]) for line in requests] == [
        ("POST", JOBS, 202, "alice"),
        ("POST", JOBS, 400, "alice"),
    ]
    assert requests[0]["request_id"] == "one"
    everything = "\n".join(record.message for record in caplog.records if record.name != "httpx")  # the test's own client
    for secret in ("hidden", "secret title", token, token.split(".")[2]):
        assert secret not in everything


async def test_probes_and_metrics(start: Start) -> None:
    client = await start(token=None)
    assert (await client.get("/healthz")).json() == {"ok": True}
    assert (await client.get("/readyz")).json() == {"ok": True}
    await client.get(f"{JOBS}/some-id")
    text = (await client.get("/metrics")).text
    assert 'regen_api_requests_total{method="GET",route="/api/v1/regeneration-jobs/{jobId}",status="401"} 1.0' in text
    assert 'regen_api_request_seconds_count{method="GET",route="/readyz"} 1.0' in text
    assert "some-id" not in text


async def test_jobs_are_counted_once_made(admin: httpx.AsyncClient) -> None:
    for _ in range(3):
        await admin.post(JOBS, json=BODY, headers={"Idempotency-Key": "k"})
    assert 'regen_api_jobs_total{by="job"} 1.0' in (await admin.get("/metrics")).text


async def test_without_a_database_it_lives_and_is_not_ready(start: Start) -> None:
    client = await start(database_url="postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")
    assert (await client.get("/healthz")).status_code == 200
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["ok"]) == (503, False)
    answer = await client.get(JOBS)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json()["type"] == "urn:regen:problem:unavailable"


async def test_without_a_provider_nobody_can_be_told(start: Start, provider: Provider) -> None:
    client = await start(token=provider.token(), oidc_issuer="http://127.0.0.1:1", static_key=None)
    answer = await client.get(JOBS)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:regen:problem:unavailable")


async def test_a_full_pool_is_a_503(start: Start, superuser: psycopg.Connection[Any]) -> None:
    """A lock that somebody holds makes requests wait for no longer than their deadline."""
    client = await start(database_timeout_seconds=1)
    with superuser.transaction():
        superuser.execute('LOCK TABLE "RegenerationJob" IN ACCESS EXCLUSIVE MODE')
        assert (await client.get(JOBS)).status_code == 503
    assert (await client.get(JOBS)).status_code == 200
