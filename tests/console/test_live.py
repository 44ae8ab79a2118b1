"""Do pages tell what happens without being loaded anew, leave whoever reads them where they were, and say when they cannot?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.console.conftest import KEY, SECRET
from tests.console.seed import add
from tests.integration.database.jobs import claim, complete
from tests.integration.database.jobs import start as take_fence

if TYPE_CHECKING:
    import psycopg

    from tests.console.conftest import Open, Start


def test_the_list_follows_its_jobs(start: Start, open_window: Open, superuser: psycopg.Connection[Any]) -> None:
    page = open_window(start())
    page.goto("/admin")
    page.evaluate("window.sameDocument = true")
    page.get_by_text("No job was made yet.").wait_for()
    add(superuser, "first", {"title": "A page"})
    row = page.get_by_role("row").filter(has_text="first")
    row.get_by_text("Pending").wait_for()
    row.locator("td").get_by_text("number 1 in the queue; no job runs").wait_for()
    claim(superuser)
    row.get_by_text("Running").wait_for()
    take_fence(superuser, "first")
    complete(superuser, "first")
    row.get_by_text("Completed").wait_for()
    assert page.evaluate("window.sameDocument") is True


def test_focus_stays_on_the_same_job(start: Start, open_window: Open, superuser: psycopg.Connection[Any]) -> None:
    add(superuser, "first", {"title": "A page"})
    page = open_window(start())
    page.goto("/admin")
    page.locator("#job-first").focus()
    add(superuser, "second", {"title": "Another"})
    page.locator("#job-second").wait_for()
    assert page.evaluate("document.activeElement.id") == "job-first"


def test_a_job_says_aloud_how_it_ends(start: Start, open_window: Open, superuser: psycopg.Connection[Any]) -> None:
    add(superuser, "first", {"title": "A page"})
    page = open_window(start())
    page.goto("/admin/jobs/first")
    page.get_by_role("heading", name="Why it waits").wait_for()
    assert page.get_by_role("link", name="Trigger again").count() == 0
    claim(superuser)
    take_fence(superuser, "first")
    complete(superuser, "first")
    page.get_by_role("link", name="Trigger again").wait_for()
    page.get_by_role("status").filter(has_text="This job is now completed.").wait_for(state="attached")
    names = page.locator(".timeline strong").all_inner_texts()
    assert names == ["Requested", "Claimed", "Started", "Completed"]


def test_what_has_not_changed_is_not_sent_again(start: Start, open_window: Open, superuser: psycopg.Connection[Any]) -> None:
    add(superuser, "first", {"title": "A page"})
    page = open_window(start())
    page.goto("/admin")
    statuses = []
    for _ in range(3):
        # An answer to the list that was left may still come in.
        with page.expect_response(
            lambda response: "regen-live" in response.request.headers and response.url.endswith("/jobs/first")
        ) as answer:
            if not statuses:
                page.goto("/admin/jobs/first")
        statuses.append(answer.value.status)
    assert statuses == [200, 304, 304]


def test_a_session_that_ends_is_told(start: Start, open_window: Open) -> None:
    page = open_window(start())
    page.goto("/admin")
    page.context.clear_cookies()
    page.get_by_role("link", name="Sign in again").click()
    page.wait_for_url("**/admin/login?next=%2Fadmin")


def test_a_server_that_does_not_answer_is_told_and_then_followed_again(start: Start, open_window: Open) -> None:
    page = open_window(start())
    page.goto("/admin")
    page.route("**/admin", lambda route: route.abort())
    page.get_by_text("The server does not answer").wait_for()
    page.unroute("**/admin")
    page.get_by_text("The server does not answer").wait_for(state="detached")
    assert KEY not in page.content()
    assert SECRET not in page.content()
