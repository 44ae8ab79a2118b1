"""Does a job's page name the jobs before it and after it that do the same, and is it said where none can follow?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.types.json import Jsonb

from tests.console.conftest import csrf, signed_in
from tests.console.seed import Seeded, add, seed
from tests.integration.database.jobs import claim, fail

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


SOURCE = {"name": "a", "uri": "https://example.org/\u00e4", "sha256": "a" * 64}
UNFIT = {
    "priority": ({"type": "document", "version": 1, "inputs": {}}, 2_000_000),
    "sources": ({"type": "document", "version": 1, "inputs": {}, "sources": [SOURCE]}, 0),
    "type": ({"type": "Document", "version": 1, "inputs": {}}, 0),
}


@pytest.mark.parametrize("field", UNFIT)
def test_what_no_request_may_ask_for_is_refused_by_its_field(
    start: Start, superuser: psycopg.Connection[Any], field: str
) -> None:
    instruction, priority = UNFIT[field]
    superuser.execute(
        'INSERT INTO "RegenerationJob" (id, "instructionJson", priority) VALUES (%s, %s, %s)',
        ("j", Jsonb(instruction), priority),
    )
    claim(superuser, known=("document", "Document"))
    fail(superuser, {"id": "j"})
    with signed_in(start()) as client:
        page = client.get("/admin/jobs/j/again").text
        answer = client.post("/admin/jobs/j/again", data={"csrf": csrf(page), "key": "a" * 32})
    assert answer.status_code == 409
    assert f"This job cannot be triggered again: {field}: " in answer.text
    assert superuser.execute('SELECT count(*) FROM "RegenerationJob"').fetchone() == (1,)
