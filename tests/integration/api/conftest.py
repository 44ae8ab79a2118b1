"""The control plane over HTTP.

In: requests, as any client makes them. Checked: answers, rows, log lines. Real: the application with all that surrounds it,
PostgreSQL as a login of role ``regen_api``, the identity provider's HTTP server, the stores. Not real: the socket between
client and application, where a test does not say that it starts the program.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import pytest

from regen_api.app import create_app
from regen_api.settings import Settings
from tests.integration.api.identity import AUDIENCE, Provider
from tests.integration.api.program import KEY, Program, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    import psycopg
    from fastapi import FastAPI

    from tests.database_fixtures import Database


@asynccontextmanager
async def serving(app: FastAPI, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of ``app`` while its lifespan lasts."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client,
    ):
        yield client


class Start(Protocol):
    """Starts an application with settings of its own; it ends with the test."""

    async def __call__(self, *, token: str | None = KEY, **settings: Any) -> httpx.AsyncClient: ...


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """An identity provider that no test changes."""
    with Provider() as running:
        yield running


@pytest.fixture
def settings(database: Database, provider: Provider, tmp_path: Path) -> dict[str, Any]:
    """Development, with a static key for an admin and a provider for everybody else."""
    return {
        "env": "development",
        "database_url": database.api_url,
        "output_url": tmp_path.joinpath("outputs").as_uri(),
        "static_key": KEY,
        "static_key_subject": "root",
        "oidc_issuer": provider.issuer,
        "oidc_audience": AUDIENCE,
    }


@pytest.fixture
async def start(settings: dict[str, Any]) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def begin(*, token: str | None = KEY, **changed: Any) -> httpx.AsyncClient:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            application = create_app(Settings(**(settings | changed)))
            client: AbstractAsyncContextManager[httpx.AsyncClient] = serving(application, **headers)
            return await stack.enter_async_context(client)

        yield begin


@pytest.fixture
async def admin(start: Start) -> httpx.AsyncClient:
    """A client with the static key."""
    return await start()


@pytest.fixture
def superuser(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """Whom no grant binds."""
    with database.connect() as connection:
        yield connection


@pytest.fixture
def program(database: Database, tmp_path: Path) -> Iterator[Program]:
    """``regen-api`` itself, in development, with the static key."""
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    with running(database, outputs) as process:
        yield process
