"""Is a problem's type one of those that the documentation lists, whatever the framework raises and Python calls it?"""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from regen_api import problems

DOCS = Path(__file__).parents[3] / "docs" / "api.md"
FIXED = {
    400: "bad-request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "request-entity-too-large",
    429: "too-many-requests",
    500: "internal",
    503: "unavailable",
}


def documented() -> set[str]:
    listed = DOCS.read_text().partition("`type` is `urn:regen:problem:` and one of")[2].partition("`errors` names")[0]
    return set(re.findall(r"`([a-z-]+)`", listed))


async def slug(status: int) -> str:
    """How the type ends of the problem that the framework's error of ``status`` becomes."""
    app = FastAPI()
    problems.install(app)

    @app.get("/raises")
    async def raises() -> None:
        raise HTTPException(status)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        answer = await client.get("/raises")
    assert answer.status_code == status
    return str(answer.json()["type"]).removeprefix("urn:regen:problem:")


@pytest.mark.parametrize("status", FIXED)
async def test_the_types_of_the_framework_are_fixed(status: int) -> None:
    assert await slug(status) == FIXED[status]


@pytest.mark.parametrize("status", [int(status) for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST])
async def test_no_other_type_is_ever_sent(status: int) -> None:
    assert await slug(status) in documented()
