"""Does the API do what its OpenAPI document says, for thousands of requests that others thought up? (schemathesis, all checks)

``FUZZ_EXAMPLES`` is how many cases each operation gets; `make api-fuzz` sets it.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.api.program import KEY, Program
from tests.integration.database.jobs import claim, complete, insert, start

if TYPE_CHECKING:
    import httpx
    import psycopg

FOLDER = Path(__file__).parent
PHASES = ("examples", "coverage", "fuzzing", "stateful")


async def test_the_document_is_whole(admin: httpx.AsyncClient) -> None:
    document = (await admin.get("/openapi.json")).json()
    operations = {operation["operationId"]: operation for path in document["paths"].values() for operation in path.values()}
    assert set(operations) == {
        "regeneratePlan", "readPlan", "createJob", "listJobs", "readJob", "readJobEvents", "readLog", "downloadOutput",
        "readQueue",
    }  # fmt: skip
    for name, operation in operations.items():
        assert operation["security"] == [{"accessToken": []}], name
        assert operation["summary"], name
        problems = [answer for status, answer in operation["responses"].items() if status >= "400"]
        assert {media for answer in problems for media in answer["content"]} == {"application/problem+json"}, name
    assert "HTTPValidationError" not in document["components"]["schemas"]


@pytest.mark.timeout(7200)
def test_schemathesis_finds_nothing(program: Program, superuser: psycopg.Connection[Any], tmp_path: Path) -> None:
    _publish(superuser, program.outputs)
    superuser.execute("""INSERT INTO "User" (id, subject, tier) VALUES ('u', 'developer', 'pro')""")
    superuser.execute("""INSERT INTO "Plan" VALUES ('plan-1', 'u', 'SQL', 'beginner', 5, 'video')""")
    examples = os.environ.get("FUZZ_EXAMPLES", "10")
    reproducible = [] if "FUZZ_EXAMPLES" in os.environ else ["--generation-deterministic"]
    report = tmp_path / "report.json"
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(FOLDER / "fuzz.toml"), "run",
        f"{program.url}/openapi.json",
        "--checks", "all", "--phases", ",".join(PHASES), "--max-examples", examples, "--continue-on-failure", *reproducible,
        "--header", f"Authorization: Bearer {KEY}", "--request-timeout", "30", "--no-color",
        "--report", "json", "--report-json-path", str(report),
    ]  # fmt: skip
    done = subprocess.run(
        command,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.integration.api.fuzz_hooks", "PYTHONPATH": str(FOLDER.parents[2])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=7200,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    assert "9 selected / 9 total" in done.stdout
    assert json.loads(report.read_text())
    if "FUZZ_EXAMPLES" in os.environ:
        sys.stdout.write(done.stdout)
    errors = [line for line in program.lines if line["level"] in {"error", "critical"}]
    assert errors == []


def _publish(superuser: psycopg.Connection[Any], folder: Path) -> None:
    """A COMPLETED job with an output that can be downloaded."""
    content = b"a plan"
    folder = folder / "document" / "published"
    folder.mkdir(parents=True)
    (folder / "plan.txt").write_bytes(content)
    row = {
        "name": "plan.txt",
        "ref": (folder / "plan.txt").as_uri(),
        "sha256": hashlib.sha256(content).hexdigest(),
        "sizeBytes": len(content),
        "mediaType": "text/plain",
    }
    insert(superuser, "published")
    claim(superuser)
    start(superuser, "published")
    complete(superuser, "published", ref=(folder / "manifest.json").as_uri(), outputs=[row])
