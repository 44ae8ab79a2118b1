"""Do the pages fit a desktop and a phone, light and dark, and does axe-core find nothing to complain of?

What they look like is kept in build/console.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.console.axe import violations
from tests.console.pictures import sees_pdf
from tests.console.seed import Seeded, add, seed
from tests.integration.database.jobs import claim, fail_run
from tests.integration.database.jobs import start as take_fence

if TYPE_CHECKING:
    import psycopg

    from tests.console.conftest import Open, Start

PICTURES = Path(__file__).resolve().parents[2] / "build" / "console"
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
JUDGED = {("desktop", "light"), ("phone", "dark")}
"""Either size and either scheme once: axe takes as long as all else together."""
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
    found = {}
    for name, path in PAGES.items():
        page.goto(path)
        if (size, scheme) in JUDGED:
            found[name] = violations(page)
        times = page.locator("[data-since]").all_inner_texts()
        assert all(re.search(r"\d (s|min|h|d)", text) for text in times), f"{name}: times do not count: {times}"
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0, name
        is_paper = name == "paper" and sees_pdf(page)  # which is painted anew where the window is stretched for a whole page
        page.screenshot(path=PICTURES / f"{name}-{size}-{scheme}.png", full_page=not is_paper)
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize("size", SIZES)
def test_nothing_and_too_much_fit(start: Start, open_window: Open, superuser: psycopg.Connection[Any], *, size: str) -> None:
    """Pages without a row, and with names as long as the database lets them be."""
    page = open_window(start(), viewport=SIZES[size])

    def fits(name: str, path: str) -> None:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0, name
        page.screenshot(path=PICTURES / f"{name}-{size}-light.png", full_page=True)

    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, path in {"no-jobs": "/admin", "no-match": "/admin?status=FAILED&type=asset", "no-plans": "/admin/plans"}.items():
        fits(name, path)
    long = add(superuser, "x" * 200, {"title": "T" * 500}, job_type="t" * 63, requester="someone-" * 25, priority=-1_000_000)
    claim(superuser, known=("t" * 63,))
    assert take_fence(superuser, long) == "started"
    error = {"classification": "executor", "retryable": True, "message": "W" * 4000, "detail": {"trace": "y" * 4000}}
    fail_run(superuser, long, error=error)
    add(superuser, "w" * 200, {"title": "T"}, job_type="t" * 63, requester="r" * 200, retry_of=long)
    superuser.execute("""INSERT INTO "User" (id, subject, tier) VALUES ('u', %s, 'pro')""", ("s" * 200,))
    superuser.execute(
        """INSERT INTO "Plan" (id, "userId", topic, "skillLevel", "weeklyHours", "learningStyle", notes)
           VALUES (%s, 'u', %s, 'beginner', 3, 'video', %s)""",
        ("p" * 200, "W" * 500, "n" * 2000),
    )
    for name, path in {
        "long-list": "/admin",
        "long-job": f"/admin/jobs/{long}",
        "long-plans": "/admin/plans",
        "long-plan": f"/admin/plans/{'p' * 200}",
        "long-again": f"/admin/jobs/{long}/again",
    }.items():
        fits(name, path)
