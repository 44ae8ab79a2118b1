"""The console as a browser meets it.

In: requests over a real socket, by Chromium or by an HTTP client. Checked: pages, rows, cookies, what assistive technology
finds. Real: the program's server, PostgreSQL as a login of role ``regen_api``, the outputs' folder, the identity provider's
HTTP server, Chromium. Not real: the operator and the pods; the tests move jobs by the functions that those call.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import pytest

from regen_api.settings import Settings
from tests.api_server import serving
from tests.console.identity_provider import LoginProvider
from tests.integration.api.identity import AUDIENCE
from tests.not_proven import program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psycopg
    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.database_fixtures import Database

KEY = "the static key of the tests"
SECRET = "a secret of the tests that is long enough"
CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Start(Protocol):
    """Starts a server with settings of its own, which ends with the test; answers its address."""

    def __call__(self, **settings: Any) -> str: ...


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """The folder that ``REGEN_OUTPUT_URL`` names."""
    folder = tmp_path / "outputs"
    folder.mkdir()
    return folder


@pytest.fixture
def login_provider() -> Iterator[LoginProvider]:
    with LoginProvider() as running:
        yield running


@pytest.fixture
def start(database: Database, outputs: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def begin(**changed: Any) -> str:
            given = {
                "env": "development",
                "database_url": database.api_url,
                "output_url": outputs.as_uri(),
                "static_key": KEY,
                "static_key_subject": "root",
                "http_host": "127.0.0.1",
                "http_port": 0,
                "console_secret": SECRET,
                "console_poll_seconds": 0.2,
                "rate_limit_per_minute": 0,
            }
            return stack.enter_context(serving(Settings(**(given | changed))))

        yield begin


@pytest.fixture
def with_provider(start: Start, login_provider: LoginProvider) -> str:
    """The address of a server whose users come from the identity provider as well."""
    return start(
        oidc_issuer=login_provider.issuer,
        oidc_audience=AUDIENCE,
        console_client_id=login_provider.client_id,
        console_client_secret=login_provider.client_secret,
    )


@pytest.fixture
def superuser(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """Whom no grant binds."""
    with database.connect() as connection:
        yield connection


@contextmanager
def signed_in(url: str, token: str = KEY) -> Iterator[httpx.Client]:
    """A client that signed in with ``token``."""
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        answer = client.post("/admin/login", data={"csrf": csrf(client.get("/admin/login").text), "token": token})
        assert answer.status_code == 303, answer.text
        yield client


def csrf(page: str) -> str:
    """The token in a page's first form."""
    return page.partition('name="csrf" value="')[2].partition('"')[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Playwright keeps an event loop running in this thread, in which no other test's could run."""
    chromium = program("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS, headless=True)
        yield started
        started.close()


class Open(Protocol):
    """Opens a browser's window on a server; signs in with the static key unless told otherwise."""

    def __call__(self, url: str, *, token: str | None = KEY, **context: Any) -> Page: ...


@pytest.fixture
def open_window(browser: Browser) -> Iterator[Open]:
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def begin(url: str, *, token: str | None = KEY, **options: Any) -> Page:
        context = browser.new_context(**({"base_url": url, "viewport": {"width": 1280, "height": 800}} | options))
        contexts.append(context)
        context.set_default_timeout(20_000)
        if token is not None:
            with signed_in(url, token) as client:
                context.add_cookies([{"name": "regen-console", "value": client.cookies["regen-console"], "url": url}])
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        return page

    yield begin
    for context in contexts:
        context.close()
    # An answer that a test asks for on purpose, or keeps back, is no fault of the page. htmx logs its failed requests itself.
    expected = ("Failed to load resource", "htmx:afterRequest, ", "htmx:sendError, ", "Response Status Error Code ")
    assert [fault for fault in faults if not fault.startswith(expected)] == []
