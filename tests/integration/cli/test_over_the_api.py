"""Does the command over the HTTP API do what its token may, and say in one line whatever stands in the way?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.integration.api.identity import AUDIENCE, Provider
from tests.integration.cli.answering import answering
from tests.integration.cli.command import Command, regen
from tests.integration.cli.conftest import KEY
from tests.integration.cli.test_trigger import DIGEST, rows

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Serve, World

JOB = """{"id": "j", "type": "document", "status": "COMPLETED", "priority": 0, "requestedBy": null, "retryOf": null,
  "createdAt": "2026-01-01T00:00:00.000Z", "lockedAt": "2026-01-01T00:00:01.000Z", "completedAt": "2026-01-01T00:00:02.000Z",
  "classification": null, "instruction": {}, "outputRef": "s3://b/manifest.json", "error": null, "run": null, "waiting": null,
  "outputs": [{"name": "a.txt", "ref": "s3://b/a.txt", "sha256": "aa", "sizeBytes": 9, "mediaType": "text/plain"}]}"""


def test_the_row_is_what_was_asked_for_by_the_tokens_subject(over_api: World) -> None:
    done = over_api.api(
        "trigger", "document", "-i", '{"title": "Zoë", "n": 1.5}', "-s", f"a.csv=https://host/a.csv?x=1#{DIGEST}",
        "--priority", "-4", "--idempotency-key", "once",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    wanted = {
        "type": "document",
        "version": 1,
        "inputs": {"title": "Zoë", "n": 1.5},
        "sources": [{"name": "a.csv", "uri": "https://host/a.csv?x=1", "sha256": DIGEST}],
    }
    assert rows(over_api) == [(done.stdout.strip(), "PENDING", wanted, -4, "root", "api:root:once", None)]


def test_a_retry_takes_the_instruction_of_the_old_job(over_api: World) -> None:
    over_api.failed("old")
    job_id = over_api.api("trigger", "--retry-of", "old").stdout.strip()
    old, new = rows(over_api)
    assert new[:5] + new[6:] == (job_id, "PENDING", old[2], 0, "root", "old")
    assert re.fullmatch(r"api:root:[0-9a-f]{32}", new[5]), "the request's own id, where no key was given"


def test_a_page_is_as_long_as_it_was_asked_to_be(over_api: World) -> None:
    """The API gives 200 jobs at most at a time."""
    over_api.superuser.execute(
        """INSERT INTO "RegenerationJob" (id, "instructionJson") SELECT 'j' || n, '{}' FROM generate_series(1, 250) n"""
    )
    page = over_api.regen.json("list", "-n", "240")
    rest = over_api.regen.json("list", "-n", "240", "--cursor", page["nextCursor"])
    assert (len(page["items"]), len(rest["items"]), rest["nextCursor"]) == (240, 10, None)
    assert len({job["id"] for job in page["items"] + rest["items"]}) == 250


@pytest.mark.parametrize("job_id", ["..", ".", "../queue", "a/b", ""])
def test_what_can_be_no_id_leads_nowhere_else(over_api: World, job_id: str) -> None:
    done = over_api.regen("show", job_id)
    assert (done.returncode, done.stdout) == (3, "")


@pytest.mark.parametrize("job_id", ["a b", "a?b", "a#b", "ä", "%2e%2e"])
def test_an_id_is_one_segment_whatever_it_holds(over_api: World, job_id: str) -> None:
    assert over_api.regen("show", job_id).returncode == 3
    over_api.pending(job_id)
    assert over_api.regen.json("show", job_id)["id"] == job_id


def test_whoever_is_no_admin_sees_what_is_theirs_and_no_more(world: World, serve: Serve) -> None:
    with Provider() as provider:
        served = serve(world, oidc_issuer=provider.issuer, oidc_audience=AUDIENCE)
        alice = Command({"REGEN_API_URL": str(served.api_url), "REGEN_API_TOKEN": provider.token()})
        world.pending("mine", requester="alice")
        world.pending("other", requester="bob")
        assert alice.json("show", "mine")["requestedBy"] == "alice"
        assert alice("show", "other").returncode == 3
        for command in (("list",), ("trigger", "document"), ("watch", "--timeout", "0.1")):
            done = alice(*command)
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr.startswith("regen: the user of REGEN_API_TOKEN is not allowed to do this")
    assert len(rows(world)) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("trigger", "document", "--requested-by", "ada"), "--requested-by cannot be used with the API"),
        (("trigger", "document", "--idempotency-key", "a key"), "--idempotency-key must be 1 to 200 visible ASCII"),
        (("trigger", "document", "-p", "2000000"), "API: priority: Input should be less than or equal to 1000000"),
        (("list", "--cursor", "nonsense"), "API: query.cursor: expected the nextCursor of an earlier page"),
        (("list", "--type", "No"), "API: query.type: "),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(over_api: World, arguments: tuple[str, ...], message: str) -> None:
    done = over_api.api(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"regen: {message}")
    assert done.stderr.count("\n") == 1
    assert rows(over_api) == []


def test_a_wrong_token_is_refused_and_not_shown(over_api: World) -> None:
    done = over_api.regen("list", REGEN_API_TOKEN="another secret word")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("regen: the API rejected REGEN_API_TOKEN: ")
    assert "secret" not in done.stderr


def test_too_many_questions_may_be_asked_again(world: World, serve: Serve) -> None:
    served = serve(world, rate_limit_per_minute=1)
    assert served.regen("list").returncode == 0
    done = served.regen("list")
    assert done.returncode == 7
    assert done.stderr.startswith("regen: API: ")
    assert "Retry in " in done.stderr


def test_an_address_may_be_given_in_the_line(over_api: World) -> None:
    over_api.pending("j")
    assert regen("show", "j", "--api-url", f"{over_api.api_url}/", REGEN_API_TOKEN=KEY).returncode == 0


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"REGEN_DATABASE_URL": "postgresql://x"}, "REGEN_DATABASE_URL and --api-url (REGEN_API_URL) are both set"),
        ({"REGEN_API_TOKEN": ""}, "REGEN_API_TOKEN is not set or is not a token"),
        ({"REGEN_API_TOKEN": "secret\nword"}, "REGEN_API_TOKEN is not set or is not a token"),
        ({"REGEN_API_URL": "regen.example"}, "--api-url (REGEN_API_URL) must be an address"),
        ({"REGEN_API_URL": "ftp://regen.example"}, "--api-url (REGEN_API_URL) must be an address"),
        ({"REGEN_API_URL": "https://a:secret@regen.example"}, "--api-url (REGEN_API_URL) must be an address"),
        ({"REGEN_API_URL": "https://regen.example:secret"}, "--api-url (REGEN_API_URL) must be an address"),
        ({"REGEN_API_URL": "https://regen.example/?secret=1"}, "--api-url (REGEN_API_URL) must be an address"),
    ],
)
def test_a_wrong_setting_is_one_line(environment: dict[str, str], message: str) -> None:
    given = {"REGEN_API_URL": "https://regen.example", "REGEN_API_TOKEN": KEY}
    done = regen("list", **(given | environment))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"regen: {message}")
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        ((200, {}, b"<h1>Welcome</h1>"), 1, "is not regen's API: it returned status 200 without JSON"),
        ((200, {}, b'{"items": [{"id": 1}]}'), 1, "returned a response whose items.0.id is invalid"),
        ((404, {}, b"nothing here"), 1, "status 404 without a problem document"),
        ((302, {"Location": "https://login.example/"}, b""), 1, "status 302 without a problem document"),
        ((503, {}, b"no upstream"), 7, "the API is unavailable: a proxy in front of it returned status 503"),
        ((200, {"Content-Length": "99"}, b'{"items": ['), 7, "the API's response ended early: "),
        ((500, {"Content-Type": "application/problem+json"}, b'{"type": "urn:regen:problem:internal", "detail": "unexpected"}'),
         1, "API: unexpected"),
    ],
)  # fmt: skip
def test_something_else_answers(answer: tuple[int, dict[str, str], bytes], status: int, message: str) -> None:
    with answering({"/api/v1/regeneration-jobs": [answer]}) as url:
        done = regen("list", REGEN_API_URL=url, REGEN_API_TOKEN=KEY)
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_nothing_answers() -> None:
    done = regen("list", REGEN_API_URL="http://127.0.0.1:1", REGEN_API_TOKEN=KEY)
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr.startswith("regen: cannot reach the API: ")


@pytest.mark.parametrize(
    ("again", "status", "message"),
    [
        ((200, {}, b"nine byte"), 7, "response ended early"),
        ((200, {"Content-Length": "9"}, b"nine"), 5, "the API ended its response early"),
    ],
)
def test_a_download_that_breaks_off_is_damage_only_where_it_does_so_twice(
    again: tuple[int, dict[str, str], bytes], status: int, message: str
) -> None:
    json = {"Content-Type": "application/json"}
    jobs = "/api/v1/regeneration-jobs/j"
    answers = {
        jobs: [(200, json, JOB.encode())],
        f"{jobs}/events": [(200, json, b'{"items": []}')],
        f"{jobs}/outputs/a.txt": [(200, {"Content-Length": "9"}, b"nine"), again],
    }
    with answering(answers) as url:
        done = regen("output", "j", "a.txt", "--to", "-", REGEN_API_URL=url, REGEN_API_TOKEN=KEY)
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr
