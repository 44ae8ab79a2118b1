"""Does axe-core find nothing to complain of where a form is refused, and would it? (The pages: test_screens.)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.console.axe import violations

if TYPE_CHECKING:
    from tests.console.conftest import Open, Start


def test_a_form_with_errors_has_none(start: Start, open_window: Open) -> None:
    page = open_window(start())
    page.goto("/admin/new?editor=json")
    page.locator("#inputs").fill("[]")
    page.get_by_role("button", name="Make the job").click()
    page.get_by_role("alert").wait_for()
    assert violations(page) == []


def test_axe_finds_what_is_wrong(start: Start, open_window: Open) -> None:
    """A check that cannot fail would say nothing."""
    page = open_window(start())
    page.goto("/admin/new")
    page.evaluate("document.querySelector('label[for=\"in.title\"]').remove()")
    assert any(fault.startswith("label: ") for fault in violations(page))
