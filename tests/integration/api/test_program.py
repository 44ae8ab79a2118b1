"""Does ``regen-api`` start, serve, warn, refuse a wrong setting by name, and end when it is told to?"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.integration.api.program import KEY, PROGRAM, Program, environment

if TYPE_CHECKING:
    from tests.database_fixtures import Database

S3 = {"REGEN_OUTPUT_URL": "s3://bucket/prefix"}


def test_serves_until_it_is_told_to_end(program: Program) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=program.url, headers=headers, timeout=30, trust_env=False) as client:
        answer = client.post("/api/v1/regeneration-jobs", json={"type": "document", "inputs": {}})
        assert answer.status_code == 202
        assert client.get(answer.headers["Location"]).json()["requestedBy"] == "developer"
        assert "server" not in answer.headers
    assert program.end() == 0
    warnings = [line for line in program.lines if line["level"] == "warning"]
    assert [str(line["event"]).partition(";")[0] for line in warnings] == [
        "DEVELOPMENT MODE: whoever knows REGEN_STATIC_KEY is an admin",
        "console sessions end with this process",
    ]
    assert KEY not in json.dumps(program.lines)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"REGEN_ENV": "production"}, "REGEN_STATIC_KEY: expected none while REGEN_ENV is production"),
        ({"REGEN_ENV": ""}, "REGEN_STATIC_KEY: expected none while REGEN_ENV is production"),
        ({"REGEN_STATIC_KEY": ""}, "REGEN_OIDC_ISSUER: expected the issuer"),
        ({"REGEN_DATABASE_URL": ""}, "REGEN_DATABASE_URL: expected a value, got none"),
        (S3 | {"AWS_ENDPOINT_URL_S3": f"ada:{KEY}@minio:9000"}, "AWS_ENDPOINT_URL_S3: expected a URL"),
        (S3 | {"AWS_ENDPOINT_URL_S3": f"http://{KEY}"}, "AWS_ENDPOINT_URL_S3: expected a URL"),
        (S3 | {"AWS_SECRET_ACCESS_KEY": KEY}, "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: expected both or neither"),
        (S3 | {"AWS_PROFILE": KEY}, "AWS_*: expected a usable configuration of the S3 client, got ProfileNotFound"),
        (S3 | {"AWS_METADATA_SERVICE_TIMEOUT": KEY}, "AWS_*: expected a usable configuration of the S3 client, got ValueError"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_starts(database: Database, changed: dict[str, str], message: str) -> None:
    done = subprocess.run(
        PROGRAM, env=environment(database, **changed), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"regen-api: {message}")
    assert len(done.stderr.splitlines()) == 1
    assert KEY not in done.stderr
