"""Which requests does the client repeat, and how does it name failures? Against a real HTTP server that fails on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from regen_operator.kube.client import JOBS, PODS, KubeClient
from regen_operator.kube.errors import (
    AlreadyExists,
    ApiUnavailable,
    Conflict,
    Forbidden,
    KubeError,
    NotFound,
    Unauthorized,
    Unprocessable,
)
from tests.integration.operator.api_server import JOB, STORED, ApiServer, login_with, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from regen_operator.kube.login import Login


@pytest_asyncio.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with serving() as running:
        yield running


@pytest_asyncio.fixture
async def client(server: ApiServer) -> AsyncIterator[KubeClient]:
    tokens = iter(("first", "second", "third"))

    async def log_in() -> Login:
        return login_with(server.url, next(tokens))

    async with KubeClient(timeout_seconds=2.0, concurrency=4, log_in=log_in) as opened:
        yield opened


async def test_a_read_is_retried(server: ApiServer, client: KubeClient) -> None:
    server.responses = [(503, {}), (500, {})]
    assert (await client.get(JOBS, "ns", "a")).body == STORED
    assert len(server.authorizations) == 3


async def test_a_write_with_an_unknown_outcome_is_not_repeated(server: ApiServer, client: KubeClient) -> None:
    server.responses = [(503, {})]
    with pytest.raises(ApiUnavailable):
        await client.create(JOBS, "ns", JOB)
    assert len(server.authorizations) == 1


async def test_a_write_that_was_not_processed_is_repeated(server: ApiServer, client: KubeClient) -> None:
    server.responses = [(429, {}), (401, {})]
    await client.create(JOBS, "ns", JOB)
    assert server.authorizations == ["Bearer first", "Bearer first", "Bearer second"]


async def test_every_sent_write_is_counted(server: ApiServer, client: KubeClient) -> None:
    server.responses = [(429, {})]
    await client.create(JOBS, "ns", JOB)
    await client.get(PODS, "ns", "p")
    await client.delete(JOBS, "ns", "a", uid="u")
    assert client.writes == {"POST jobs": 2, "DELETE jobs": 1}


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (400, "BadRequest", Unprocessable),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (409, "AlreadyExists", AlreadyExists),
        (409, "Conflict", Conflict),
        (422, "Invalid", Unprocessable),
    ],
)
async def test_a_rejection_has_its_own_error(
    server: ApiServer, client: KubeClient, status: int, reason: str, expected: type[KubeError]
) -> None:
    server.responses = [(status, {"reason": reason, "message": "why"})]
    with pytest.raises(expected, match="why") as caught:
        await client.create(JOBS, "ns", JOB)
    assert type(caught.value) is expected


async def test_a_token_that_is_always_rejected_ends_the_call(server: ApiServer, client: KubeClient) -> None:
    server.responses = [(401, {})] * 3
    with pytest.raises(Unauthorized):
        await client.get(JOBS, "ns", "a")


async def test_a_call_has_a_deadline(server: ApiServer) -> None:
    async def log_in() -> Login:
        return login_with(server.url)

    server.delay_seconds = 30.0
    async with KubeClient(timeout_seconds=0.2, concurrency=1, log_in=log_in) as client:
        with pytest.raises(ApiUnavailable, match=r"no response .*Timeout"):
            await client.create(JOBS, "ns", JOB)


async def test_no_server_at_the_address() -> None:
    async def log_in() -> Login:
        return login_with("http://127.0.0.1:9")

    async with KubeClient(timeout_seconds=1.0, concurrency=1, log_in=log_in) as client:
        with pytest.raises(ApiUnavailable):
            await client.create(JOBS, "ns", JOB)
        assert client.last_success is None


@pytest.mark.parametrize(
    "page",
    ["<h1>Passerelle indisponible, réessayez</h1>".encode("latin-1"), b"[" * 100_000],
    ids=["Latin-1", "nested too deep"],
)
async def test_an_error_page_that_is_no_json_is_an_api_error(server: ApiServer, client: KubeClient, page: bytes) -> None:
    server.responses = [(502, page)]
    with pytest.raises(ApiUnavailable, match="failed with 502"):
        await client.create(JOBS, "regen-runs", JOB)


@pytest.mark.parametrize(
    "page", [b"<h1>Sign in</h1>", b"[" * 100_000, b"[]", b"{}"], ids=["HTML", "nested too deep", "no object", "empty object"]
)
async def test_a_response_that_is_no_kubernetes_object_is_no_success(
    server: ApiServer, client: KubeClient, page: bytes
) -> None:
    server.responses = [(200, page)] * 3
    with pytest.raises(ApiUnavailable, match="200 response is no Kubernetes object"):
        [_ async for _ in client.pages(JOBS, "regen-runs")]
    assert client.last_success is None
