"""What does the client send again, and what never? Asked of a real HTTP server that fails on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import kopf
import pytest
import pytest_asyncio
from aiohttp import web

from regen_operator.kube.client import JOBS, PODS, KubeClient
from regen_operator.kube.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    KubeError,
    NotFound,
    Unauthorized,
    Unavailable,
    Unprocessable,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

JOB: dict[str, Any] = {"metadata": {"name": "a"}}
MADE: dict[str, Any] = {"kind": "Job", **JOB}


class Server:
    """Answers with ``answers`` in turn, then with 200 and an object."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, Any] | bytes]] = []
        self.tokens: list[str] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers.get("Authorization", ""))
        status, body = self.answers.pop(0) if self.answers else (200, MADE)
        headers = {"Retry-After": "0"} if status == 429 else {}
        if isinstance(body, bytes):
            return web.Response(body=body, status=status, headers={"Content-Type": "text/html; charset=utf-8"})
        return web.json_response(body, status=status, headers=headers)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    serving = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", serving.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    serving.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield serving
    await runner.cleanup()


@pytest_asyncio.fixture
async def client(server: Server) -> AsyncIterator[KubeClient]:
    tokens = iter(("first", "second", "third"))

    def log_in() -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server=server.url, token=next(tokens))

    async with KubeClient(timeout_seconds=2.0, concurrency=4, log_in=log_in) as opened:
        yield opened


async def test_a_read_is_tried_again(server: Server, client: KubeClient) -> None:
    server.answers = [(503, {}), (500, {})]
    assert (await client.get(JOBS, "ns", "a")).body == MADE
    assert len(server.tokens) == 3


async def test_a_write_whose_fate_is_unknown_is_not(server: Server, client: KubeClient) -> None:
    server.answers = [(503, {})]
    with pytest.raises(Unavailable):
        await client.create(JOBS, "ns", JOB)
    assert len(server.tokens) == 1


async def test_a_write_that_was_not_looked_at_is(server: Server, client: KubeClient) -> None:
    server.answers = [(429, {}), (401, {})]
    await client.create(JOBS, "ns", JOB)
    assert server.tokens == ["Bearer first", "Bearer first", "Bearer second"]


async def test_every_write_that_is_sent_is_counted(server: Server, client: KubeClient) -> None:
    server.answers = [(429, {})]
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
async def test_a_refusal_has_its_name(
    server: Server, client: KubeClient, status: int, reason: str, expected: type[KubeError]
) -> None:
    server.answers = [(status, {"reason": reason, "message": "why"})]
    with pytest.raises(expected, match="why") as caught:
        await client.create(JOBS, "ns", JOB)
    assert type(caught.value) is expected


async def test_a_token_that_is_never_taken_ends(server: Server, client: KubeClient) -> None:
    server.answers = [(401, {})] * 3
    with pytest.raises(Unauthorized):
        await client.get(JOBS, "ns", "a")


async def test_nobody_at_home(server: Server) -> None:
    info = kopf.ConnectionInfo(server="http://127.0.0.1:9")
    async with KubeClient(timeout_seconds=1.0, concurrency=1, log_in=lambda: info) as nobody:
        with pytest.raises(Unavailable):
            await nobody.create(JOBS, "ns", JOB)
        assert nobody.last_success is None


@pytest.mark.parametrize(
    "page",
    ["<h1>Passerelle indisponible, réessayez</h1>".encode("latin-1"), b"[" * 100_000],
    ids=["Latin-1", "nested too deep"],
)
async def test_a_page_that_is_no_json_is_an_error_like_others(server: Server, client: KubeClient, page: bytes) -> None:
    server.answers = [(502, page)]
    with pytest.raises(Unavailable, match="answered 502"):
        await client.create(JOBS, "regen-runs", JOB)


@pytest.mark.parametrize(
    "page", [b"<h1>Sign in</h1>", b"[" * 100_000, b"[]", b"{}"], ids=["HTML", "nested too deep", "no object", "empty object"]
)
async def test_an_answer_that_is_no_kubernetes_object_is_no_success(server: Server, client: KubeClient, page: bytes) -> None:
    server.answers = [(200, page)] * 3
    with pytest.raises(Unavailable, match="answered 200"):
        [_ async for _ in client.pages(JOBS, "regen-runs")]
    assert client.last_success is None
