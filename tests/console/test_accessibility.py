"""Does axe-core find nothing to complain of, on any page, at either size, light and dark?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.console.seed import seed
from tests.console.test_screens import PAGES, SIZES

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg
    from playwright.sync_api import Page

    from tests.console.conftest import Open, Start


def violations(page: Page) -> list[str]:
    """What axe says of the page as it is."""
    results = Axe().run(page).response
    assert len(results["passes"]) > 10, "axe looked at nothing"
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in results["violations"]]


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_no_page_has_a_violation(
    start: Start, open_window: Open, superuser: psycopg.Connection[Any], outputs: Path, *, size: str, scheme: str
) -> None:
    seed(superuser, outputs)
    page = open_window(start(cap_total=1), viewport=SIZES[size], color_scheme=scheme)
    found = {}
    for name, path in PAGES.items():
        page.goto(path)
        found[name] = violations(page)
    page.goto("/admin/new?editor=json")
    page.locator("#inputs").fill("[]")
    page.get_by_role("button", name="Make the job").click()
    page.get_by_role("alert").wait_for()
    found["form with errors"] = violations(page)
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_axe_finds_what_is_wrong(start: Start, open_window: Open) -> None:
    """A check that cannot fail would say nothing."""
    page = open_window(start())
    page.goto("/admin/new")
    page.evaluate("document.querySelector('label[for=\"in.title\"]').remove()")
    assert any(fault.startswith("label: ") for fault in violations(page))
