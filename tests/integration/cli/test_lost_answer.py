"""Does ``regen trigger`` say, where an answer was lost, what keeps the next one from making a second job?"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from anyio.from_thread import start_blocking_portal
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.faults.proxy import Proxy
from tests.integration.cli.answering import answering
from tests.integration.cli.command import Command
from tests.integration.cli.test_trigger import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.cli.conftest import World

COMMIT = b"COMMIT\0"  # not BEGIN ISOLATION LEVEL READ COMMITTED
POST = b"POST /api/v1/regeneration-jobs"
GET = b"GET /api/v1/regeneration-jobs"


@contextmanager
def proxied(port: int) -> Iterator[Proxy]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(Proxy(port)) as proxy:
        yield proxy


@contextmanager
def database_through(world: World, marker: bytes) -> Iterator[Command]:
    """The command on the database, with the answer to what holds ``marker`` lost."""
    url = world.database.api_url
    with proxied(int(str(conninfo_to_dict(url)["port"]))) as proxy:
        proxy.lose_answer(marker)
        yield Command({"REGEN_DATABASE_URL": make_conninfo(url, host="127.0.0.1", port=proxy.port)})
        assert proxy.answers_lost == 1


@contextmanager
def api_through(over_api: World, marker: bytes) -> Iterator[Command]:
    """The command over the API, with the answer to what holds ``marker`` lost."""
    port = urlsplit(str(over_api.api_url)).port
    assert port is not None
    with proxied(port) as proxy:
        proxy.lose_answer(marker)
        yield replace(over_api, api_url=f"http://127.0.0.1:{proxy.port}").api
        assert proxy.answers_lost == 1


def test_on_the_database_the_job_that_may_have_been_made_is_named(world: World) -> None:
    with database_through(world, COMMIT) as command:
        done = command("trigger", "document")
    assert (done.returncode, done.stdout) == (7, "")
    [(job_id, *_)] = rows(world)
    assert f"Job {job_id} may have been created: run `regen show {job_id}`" in done.stderr
    assert world.regen("show", job_id).returncode == 0


def test_on_the_database_the_key_that_was_given_is_named(world: World) -> None:
    with database_through(world, COMMIT) as command:
        done = command("trigger", "document", "--idempotency-key", "k")
        assert done.returncode == 7
        assert "Run the same command with --idempotency-key k: it creates no second job." in done.stderr
        [(job_id, *_)] = rows(world)
        assert command("trigger", "document", "--idempotency-key", "k").stdout.strip() == job_id
    assert len(rows(world)) == 1


@pytest.mark.parametrize("given", [(), ("--idempotency-key", "k")])
def test_over_the_api_a_key_is_named_with_which_the_repeat_makes_no_second_job(over_api: World, given: tuple[str, ...]) -> None:
    with api_through(over_api, POST) as command:
        done = command("trigger", "document", *given)
        assert (done.returncode, done.stdout) == (7, "")
        found = re.search(r"--idempotency-key (\S+): it creates no second job", done.stderr)
        assert found is not None, done.stderr
        [(job_id, *_)] = rows(over_api)
        again = command("trigger", "document", "--idempotency-key", found[1])
    assert (again.returncode, again.stdout.strip()) == (0, job_id)
    assert len(rows(over_api)) == 1


def test_a_key_is_named_as_the_shell_takes_it(world: World) -> None:
    with database_through(world, COMMIT) as command:
        done = command("trigger", "document", "--idempotency-key", "a\\b'c $d")
    assert """Run the same command with --idempotency-key 'a\\b'"'"'c $d': it creates no second job""" in done.stderr


@pytest.mark.parametrize(
    ("status", "document", "is_known"),
    [
        (429, '{"type": "urn:regen:problem:too-many-requests", "detail": "slow down"}', True),
        (500, '{"type": "urn:regen:problem:internal", "detail": "unexpected"}', False),
        (500, "", False),
        (503, '{"type": "urn:regen:problem:unavailable", "detail": "no database"}', False),
        (504, "", False),
        (524, "", False),
    ],
)
def test_of_an_answer_that_tells_of_trouble_only_a_refusal_says_that_nothing_was_made(
    status: int, document: str, *, is_known: bool
) -> None:
    kind = "application/problem+json" if document else "text/html"
    with answering({"/api/v1/regeneration-jobs": [(status, {"Content-Type": kind}, document.encode())]}) as url:
        done = Command({"REGEN_API_URL": url, "REGEN_API_TOKEN": "t"})("trigger", "document", "--idempotency-key", "k")
    assert (done.returncode, done.stdout) == (7, "")
    assert ("--idempotency-key k: it creates no second job" in done.stderr) is not is_known


def test_what_was_made_is_named_where_it_cannot_be_read_then(over_api: World) -> None:
    with api_through(over_api, GET) as command:
        done = command("trigger", "document", "-o", "json")
    assert (done.returncode, done.stdout) == (7, "")
    [(job_id, *_)] = rows(over_api)
    assert f"Job {job_id} was created: `regen watch {job_id}` follows it" in done.stderr
