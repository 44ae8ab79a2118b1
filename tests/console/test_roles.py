"""Is there a button exactly where the caller may act, and no way to change or delete a job for anybody?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.console.conftest import csrf, signed_in
from tests.console.seed import Seeded, add, seed
from tests.integration.database.jobs import claim, events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx
    import psycopg

    from tests.console.identity_provider import LoginProvider

IDS = Seeded()
ACTIONS = {"/admin/filter", "/admin/logout", "/admin/new"}


@pytest.fixture
def seeded(superuser: psycopg.Connection[Any], outputs: Path) -> Seeded:
    return seed(superuser, outputs)


@pytest.fixture
def visitor(with_provider: str, login_provider: LoginProvider, seeded: Seeded) -> Iterator[httpx.Client]:
    """``ada`` without the admins' role; some of the seeded jobs are hers."""
    with signed_in(with_provider, login_provider.token(sub="ada", roles=[])) as client:
        yield client


@pytest.fixture
def admin(with_provider: str, login_provider: LoginProvider, seeded: Seeded) -> Iterator[httpx.Client]:
    with signed_in(with_provider, login_provider.token(sub="boss", roles=["regen-admin"])) as client:
        yield client


def test_a_visitor_sees_their_own_job_without_a_button(visitor: httpx.Client) -> None:
    page = visitor.get(f"/admin/jobs/{IDS.failed}")
    assert page.status_code == 200
    assert "Trigger again" not in page.text
    assert re.findall(r'<form[^>]*action="([^"]*)"', page.text) == ["/admin/logout"]


@pytest.mark.parametrize(
    "path", [f"/admin/jobs/{IDS.running}", f"/admin/jobs/{IDS.completed}/outputs/notes.md", "/admin/jobs/none"]
)
def test_somebody_elses_job_is_not_there(visitor: httpx.Client, path: str) -> None:
    assert visitor.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/admin/new", "/admin/plans", f"/admin/jobs/{IDS.failed}/again"])
def test_an_admins_page_is_not_for_a_visitor(visitor: httpx.Client, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 403
    assert "This needs the admins&#39; role." in answer.text


def test_a_visitor_cannot_post_either(visitor: httpx.Client, superuser: psycopg.Connection[Any]) -> None:
    before = superuser.execute('SELECT count(*) FROM "RegenerationJob"').fetchone()
    token = csrf(visitor.get("/admin").text)
    for path in ("/admin/new", f"/admin/jobs/{IDS.failed}/again"):
        assert visitor.post(path, data={"csrf": token, "form": "json", "type": "document", "inputs": "{}"}).status_code == 403
    assert superuser.execute('SELECT count(*) FROM "RegenerationJob"').fetchone() == before


def test_a_visitor_opens_a_job_by_its_id(visitor: httpx.Client) -> None:
    assert "The list of all jobs is for admins." in visitor.get("/admin").text
    assert visitor.get("/admin/open", params={"id": f" {IDS.failed} "}).headers["Location"] == f"/admin/jobs/{IDS.failed}"


def test_a_plan_is_for_its_owner_to_regenerate_and_for_admins_to_see(
    visitor: httpx.Client, admin: httpx.Client, superuser: psycopg.Connection[Any]
) -> None:
    assert "Regenerate</button>" not in admin.get("/admin/plans/plan-90ab").text
    assert admin.get("/admin/plans").text.count("/admin/plans/plan-") == 2
    token = csrf(admin.get("/admin").text)
    assert admin.post("/admin/plans/plan-90ab/regenerate", data={"csrf": token, "key": "a"}).status_code == 404
    assert visitor.get("/admin/plans/plan-8d21").status_code == 404

    page = visitor.get("/admin/plans/plan-90ab").text
    assert "Never made" in page
    key = button(page)
    form = {"csrf": csrf(page), "key": key}
    first, second = (visitor.post("/admin/plans/plan-90ab/regenerate", data=form) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"], "pressed twice, it is one job"
    row = superuser.execute(
        """SELECT type, "requestedBy", "instructionJson"->'inputs'->>'topic' FROM "RegenerationJob" WHERE id = %s""",
        (first.headers["Location"].rpartition("/")[2],),
    ).fetchone()
    assert row == ("plan_regeneration", "ada", "Watercolour")
    page = visitor.get("/admin/plans/plan-90ab").text
    assert "Pending" in page
    assert key not in page, "once there is a newer job, the button asks for another"


def test_a_plan_whose_jobs_were_all_purged_can_be_regenerated(
    with_provider: str, login_provider: LoginProvider, seeded: Seeded, superuser: psycopg.Connection[Any]
) -> None:
    token = login_provider.token(sub="ada", roles=[])
    with signed_in(with_provider, token) as before:
        once = button(before.get("/admin/plans/plan-90ab").text)
        assert button(before.get("/admin/plans/plan-90ab").text) == once, "the same as long as nothing has changed"
    superuser.execute(
        """INSERT INTO "PurgedJob" ("jobId", status, "idempotencyKey", "completedAt", "exportSha256", "purgedBy", "purgedAt")
           VALUES ('gone', 'FAILED', %s, now(), repeat('0', 64), 'me', now())""",
        (f"api:ada:console:{once}",),
    )
    with signed_in(with_provider, token) as after:
        page = after.get("/admin/plans/plan-90ab").text
        stale = after.post("/admin/plans/plan-90ab/regenerate", data={"csrf": csrf(page), "key": once})
        assert stale.status_code == 409, "the purged job's key is the one that the button had"
        pressed = after.post("/admin/plans/plan-90ab/regenerate", data={"csrf": csrf(page), "key": button(page)})
    assert pressed.status_code == 303


def button(page: str) -> str:
    """The key of the button on a plan's page."""
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def test_only_an_ended_job_is_triggered_again(admin: httpx.Client) -> None:
    token = csrf(admin.get("/admin").text)
    for job_id in (IDS.waiting, IDS.running):
        assert "Trigger again" not in admin.get(f"/admin/jobs/{job_id}").text
        assert admin.get(f"/admin/jobs/{job_id}/again").status_code == 409
        assert admin.post(f"/admin/jobs/{job_id}/again", data={"csrf": token}).status_code == 409


def test_triggering_again_makes_one_job_that_names_the_old_one(admin: httpx.Client, superuser: psycopg.Connection[Any]) -> None:
    page = admin.get(f"/admin/jobs/{IDS.failed}/again").text
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key is not None
    made = {
        admin.post(f"/admin/jobs/{IDS.failed}/again", data={"csrf": csrf(page), "key": key[1]}).headers["Location"]
        for _ in range(2)
    }
    assert len(made) == 1
    rows = superuser.execute(
        """SELECT n.id, n.status::text, n."requestedBy", n.priority = o.priority, n."instructionJson" = o."instructionJson"
           FROM "RegenerationJob" n JOIN "RegenerationJob" o ON o.id = n."retryOf" WHERE o.id = %s AND n.id <> %s""",
        (IDS.failed, IDS.completed),
    ).fetchall()
    assert rows == [(made.pop().rpartition("/")[2], "PENDING", "boss", True, True)]


def test_every_form_of_every_page_only_makes_leaves_or_looks(admin: httpx.Client) -> None:
    found = set()
    for path in (
        "/admin",
        "/admin/new",
        "/admin/new?editor=json",
        f"/admin/jobs/{IDS.completed}",
        f"/admin/jobs/{IDS.waiting}",
    ):
        found |= set(re.findall(r'<form[^>]*action="([^"]*)"', admin.get(path).text))
    assert found == ACTIONS


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_nothing_answers_to_a_change(admin: httpx.Client, superuser: psycopg.Connection[Any], method: str) -> None:
    before = events(superuser, IDS.completed)
    for path in ("/admin", f"/admin/jobs/{IDS.completed}", f"/admin/jobs/{IDS.completed}/again", "/admin/new"):
        assert admin.request(method, path).status_code == 405
    assert events(superuser, IDS.completed) == before


def test_the_cap_that_holds_a_job_back_is_named(start: Any, superuser: psycopg.Connection[Any]) -> None:
    add(superuser, "one", {"title": "a"}, requester="ada")
    claim(superuser)
    add(superuser, "two", {"title": "b"}, requester="ada")
    said = []
    for caps in (
        {"cap_total": 1},
        {"cap_total": 9, "cap_types": {"document": 1}},
        {"cap_total": 9, "cap_requester": 1},
        {"cap_total": 9},
        {},
    ):
        with signed_in(start(**caps)) as client:
            page = client.get("/admin/jobs/two").text
            said.append(page.partition('id="waits">Why it waits</h2><p>')[2].partition("</p>")[0])
    assert said == [
        "The limit for all jobs is reached: 1 of 1 run; number 1 in the queue.",
        "The limit for type document is reached: 1 of 1 run; number 1 in the queue.",
        "The limit for ada is reached: 1 of 1 run; number 1 in the queue.",
        "A slot is free; number 1 in the queue.",
        "Number 1 in the queue; 1 job runs, 1 of type document.",
    ]
