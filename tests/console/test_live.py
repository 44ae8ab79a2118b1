"""Do pages tell what happens without being loaded anew, leave whoever reads them where they were, and say when they cannot?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.console.conftest import KEY, SECRET
from tests.console.seed import add, seed
from tests.integration.database.jobs import claim, complete
from tests.integration.database.jobs import start as take_fence

if TYPE_CHECKING:
    from pathlib import Path

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


def test_marked_text_stays_until_it_is_no_longer_marked(
    start: Start, open_window: Open, superuser: psycopg.Connection[Any]
) -> None:
    add(superuser, "first", {"title": "A page"})
    page = open_window(start())
    page.goto("/admin")
    page.evaluate("getSelection().selectAllChildren(document.getElementById('job-first'))")
    add(superuser, "second", {"title": "Another"})
    for _ in range(2):
        with page.expect_response(lambda response: "regen-live" in response.request.headers) as answer:
            pass
        assert answer.value.status == 200
    assert page.locator("#job-second").count() == 0
    assert page.evaluate("getSelection().toString()") == "first"
    page.evaluate("getSelection().removeAllRanges()")
    page.locator("#job-second").wait_for()


def test_a_scrolled_list_stays_where_it_is(
    start: Start, open_window: Open, superuser: psycopg.Connection[Any], outputs: Path
) -> None:
    seed(superuser, outputs)
    page = open_window(start(), viewport={"width": 870, "height": 500})
    page.goto("/admin")
    where = "() => [document.activeElement.id, document.getElementById('rows').scrollLeft, scrollY]"
    page.evaluate("""() => {
      scrollTo(0, 200);
      document.getElementById("rows").scrollLeft = 40;
      document.getElementById("rows").focus({ preventScroll: true });
    }""")
    assert page.evaluate(where) == ["rows", 40, 200]
    add(superuser, "latest", {"title": "A page"})
    page.locator("#job-latest").wait_for()
    assert page.evaluate(where) == ["rows", 40, 200]


def test_what_was_opened_stays_open_while_the_job_is_tried_again(
    start: Start, open_window: Open, superuser: psycopg.Connection[Any], outputs: Path
) -> None:
    ids = seed(superuser, outputs)
    page = open_window(start())
    page.goto(f"/admin/jobs/{ids.failed}")
    page.get_by_text("Where it failed").click()
    add(superuser, "another", {"title": "A page"}, retry_of=ids.failed)
    page.get_by_text("another is pending.").wait_for()
    assert page.locator("#trace").get_attribute("open") is not None


def test_an_answer_that_is_no_part_of_the_page_is_not_put_into_it(start: Start, open_window: Open) -> None:
    page = open_window(start())
    page.goto("/admin")
    page.route("**/admin", lambda route: route.fulfill(body="<h1>Another login</h1>", content_type="text/html"))
    page.get_by_text("The server does not answer").wait_for()
    assert page.get_by_text("Another login").count() == 0


def test_what_comes_from_the_server_is_not_run(start: Start, open_window: Open) -> None:
    """The policy forbids it, and htmx does not try."""
    page = open_window(start())
    page.goto("/admin")
    assert page.evaluate("[htmx.config.allowEval, htmx.config.allowScriptTags, htmx.config.selfRequestsOnly]") == [
        False,
        False,
        True,
    ]
    body = """<p id="hostile">text</p><script>document.title = 'taken'</script>"""
    page.route("**/admin", lambda route: route.fulfill(body=body, content_type="text/html", headers={"ETag": '"x"'}))
    page.locator("#hostile").wait_for()
    assert page.locator("#live script").count() == 0
    assert page.title() == "Jobs · regen"
