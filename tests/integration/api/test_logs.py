"""Is a job's kept log served as plain text to whoever may read the job, and nothing where there is none?"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from regen_store.write_file import FileStore
from tests.integration.database.jobs import claim, fail_run, insert
from tests.integration.database.jobs import start as take_fence

if TYPE_CHECKING:
    from pathlib import Path

    import httpx
    import psycopg

    from tests.integration.api.conftest import Start

JOBS = "/api/v1/regeneration-jobs"
SAID = b"<script>alert(1)</script>\nall is said\n"


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    folder = tmp_path / "out puts"
    folder.mkdir()
    return folder


@pytest.fixture
async def client(start: Start, outputs: Path) -> httpx.AsyncClient:
    return await start(output_url=outputs.as_uri())


def failed(superuser: psycopg.Connection[Any], job_id: str, outputs: Path, *, said: bytes | None = SAID) -> None:
    insert(superuser, job_id)
    claim(superuser)
    take_fence(superuser, job_id)
    fail_run(superuser, job_id)
    if said is not None:
        FileStore(outputs).put(f"document/{job_id}/executor.log", said, hashlib.sha256(said).hexdigest(), "text/plain")


async def test_a_failed_jobs_log(client: httpx.AsyncClient, superuser: psycopg.Connection[Any], outputs: Path) -> None:
    failed(superuser, "a b", outputs)
    answer = await client.get(f"{JOBS}/a%20b/log")
    assert (answer.status_code, answer.content) == (200, SAID)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["Cache-Control"] == "private, no-cache"


async def test_none_was_kept(client: httpx.AsyncClient, superuser: psycopg.Connection[Any], outputs: Path) -> None:
    failed(superuser, "j", outputs, said=None)
    insert(superuser, "waits")
    for job_id in ("j", "waits"):
        answer = await client.get(f"{JOBS}/{job_id}/log")
        assert (answer.status_code, answer.content) == (204, b"")
    assert (await client.get(f"{JOBS}/nobody/log")).status_code == 404


async def test_it_is_no_output(client: httpx.AsyncClient, superuser: psycopg.Connection[Any], outputs: Path) -> None:
    failed(superuser, "j", outputs)
    assert (await client.get(f"{JOBS}/j/outputs/executor.log")).status_code == 404
    assert (await client.get(f"{JOBS}/j")).json()["outputs"] == []
