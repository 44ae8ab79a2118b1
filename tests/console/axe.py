"""What axe-core says of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Page


def violations(page: Page) -> list[str]:
    """What axe says of the page as it is: each rule that is broken, and where."""
    results = Axe().run(page).response
    assert len(results["passes"]) > 10, "axe looked at nothing"
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in results["violations"]]
