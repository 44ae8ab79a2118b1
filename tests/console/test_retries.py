"""Does a job's page name the jobs before it and after it that do the same, as far as they go?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.console.conftest import signed_in
from tests.console.seed import Seeded, add, seed

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from tests.console.conftest import Start


def section(page: str, heading: str) -> list[str]:
    """The jobs that the section names."""
    found = re.search(rf">{heading}</h2>(.*?)</section>", page, flags=re.DOTALL)
    return [] if found is None else re.findall(r'href="/admin/jobs/([^"]+)"', found[1])


def test_each_job_names_those_before_and_after(start: Start, superuser: psycopg.Connection[Any], outputs: Path) -> None:
    seed(superuser, outputs)
    ids = Seeded()
    with signed_in(start()) as client:
        pages = {job_id: client.get(f"/admin/jobs/{job_id}").text for job_id in (ids.failed, ids.completed, ids.waiting)}
        assert section(client.get(f"/admin/jobs/{ids.running}").text, "Tried again as") == []
    assert section(pages[ids.failed], "Tried again as") == [ids.completed, ids.waiting]
    assert section(pages[ids.completed], "Tried again as") == [ids.waiting]
    assert section(pages[ids.waiting], "Tried again as") == []
    assert section(pages[ids.waiting], "Retry of") == [ids.completed, ids.failed]
    assert f'href="/admin/jobs/{ids.waiting}">{ids.waiting[:16]}…</a> is pending.' in pages[ids.failed]


def test_of_many_retries_some_are_named(start: Start, superuser: psycopg.Connection[Any]) -> None:
    add(superuser, "first", {"title": "A page"})
    for number in range(25):
        add(superuser, f"r{number:02}", {"title": "A page"}, retry_of="first")
    with signed_in(start()) as client:
        named = section(client.get("/admin/jobs/first").text, "Tried again as")
    assert len(set(named)) == 20
    assert named == sorted(named)
