"""Can everything be done without a mouse, and can one always see where one is?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.console.conftest import KEY
from tests.console.seed import seed

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg
    from playwright.sync_api import Page

    from tests.console.conftest import Open, Start

FOCUSED = """() => {
  const e = document.activeElement;
  const style = getComputedStyle(e);
  return { name: (e.getAttribute('aria-label') ?? e.labels?.[0]?.innerText ?? e.innerText ?? '').trim(),
           visible: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 };
}"""


def tab_to(page: Page, name: str) -> None:
    """Presses Tab until something whose name begins with ``name`` has the focus; every stop on the way is to be seen."""
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        assert focused["visible"] or not focused["name"], focused
        if focused["name"].startswith(name):
            return
    raise AssertionError(f"{name}: not reached by Tab")


def test_signs_in_makes_a_job_triggers_it_again_and_leaves(
    start: Start, open_window: Open, superuser: psycopg.Connection[Any], outputs: Path
) -> None:
    ids = seed(superuser, outputs)
    page = open_window(start(), token=None)
    page.goto(f"/admin/jobs/{ids.failed}")
    tab_to(page, "Access token")
    page.keyboard.type(KEY)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/admin/jobs/{ids.failed}")

    tab_to(page, "Trigger again")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{ids.failed}/again")
    tab_to(page, "Make the new job")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Retry of").wait_for()
    retry = page.url.rpartition("/")[2]

    tab_to(page, "New job")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/new")
    tab_to(page, "Title")
    page.keyboard.type("By keyboard")
    tab_to(page, "Markdown")
    page.keyboard.type("Hello.")
    tab_to(page, "pdf")
    page.keyboard.press("Space")
    tab_to(page, "Make the job")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Why it waits").wait_for()
    made = page.url.rpartition("/")[2]

    tab_to(page, "Sign out")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/login")
    rows = superuser.execute(
        """SELECT id, status::text, "instructionJson"->'inputs', "retryOf", "requestedBy" FROM "RegenerationJob"
           WHERE id = ANY (%s) ORDER BY "retryOf" NULLS LAST""",
        ([retry, made],),
    ).fetchall()
    assert rows == [
        (retry, "PENDING", {"title": "Third edition", "template": "{{ chapter.title }}"}, ids.failed, "root"),
        (
            made,
            "PENDING",
            {"title": "By keyboard", "markdown": "Hello.", "formats": ["html"], "name": "document", "paper": "a4"},
            None,
            "root",
        ),
    ]


def test_the_first_stop_leads_past_the_navigation(start: Start, open_window: Open) -> None:
    page = open_window(start())
    page.goto("/admin")
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED)["name"] == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED)["name"] == "Status"


def test_a_refused_form_takes_the_focus_to_what_is_wrong(start: Start, open_window: Open) -> None:
    page = open_window(start())
    page.goto("/admin/new?editor=json")
    page.locator("#inputs").fill("[1]")
    page.locator("#inputs").press("Tab")
    tab_to(page, "Make the job")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert page.evaluate("document.activeElement.id") == "errors"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("#inputs:focus").wait_for()
    assert page.locator("#inputs").get_attribute("aria-invalid") == "true"
