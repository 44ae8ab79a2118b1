"""Do the pages fit a desktop and a phone, light and dark, and what do they look like? (The pictures are in build/console.)"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.console.seed import Seeded, seed

if TYPE_CHECKING:
    import psycopg

    from tests.console.conftest import Open, Start

PICTURES = Path(__file__).resolve().parents[2] / "build" / "console"
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
IDS = Seeded()
PAGES = {
    "login": "/admin/login",
    "jobs": "/admin",
    "completed": f"/admin/jobs/{IDS.completed}",
    "failed": f"/admin/jobs/{IDS.failed}",
    "running": f"/admin/jobs/{IDS.running}",
    "waiting": f"/admin/jobs/{IDS.waiting}",
    "again": f"/admin/jobs/{IDS.failed}/again",
    "new": "/admin/new",
    "plan-form": "/admin/new?type=plan_regeneration",
    "asset-form": "/admin/new?type=asset",
    "json": "/admin/new?editor=json",
    "table": f"/admin/jobs/{IDS.completed}/outputs/cities.csv/preview",
    "picture": f"/admin/jobs/{IDS.completed}/outputs/cover.png/preview",
    "paper": f"/admin/jobs/{IDS.completed}/outputs/print.pdf/preview",
    "plans": "/admin/plans",
    "plan": f"/admin/plans/{IDS.plan}",
    "error": "/admin/jobs/none",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_pages_fit(
    start: Start, open_window: Open, superuser: psycopg.Connection[Any], outputs: Path, *, size: str, scheme: str
) -> None:
    seed(superuser, outputs)
    page = open_window(start(cap_total=1), viewport=SIZES[size], color_scheme=scheme)
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, path in PAGES.items():
        page.goto(path)
        times = page.locator("[data-since]").all_inner_texts()
        assert all(re.search(r"\d (s|min|h|d)", text) for text in times), f"{name}: times do not count: {times}"
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0, name
        page.screenshot(path=PICTURES / f"{name}-{size}-{scheme}.png", full_page=True)
