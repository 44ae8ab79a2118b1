"""The control plane beside a stack: ``regen-api`` as a process of its own, and a person with plans to try it on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aiohttp
import psycopg

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SUBJECT: Final = "ada"
"""Who bears the key: an admin, and the owner of the plans."""
PLANS: Final = {
    "plan-interviews": ("interview prep", "intermediate", 6, "practice"),
    "plan-python": ("Python programming", "beginner", 5, "mixed"),
    "plan-statistics": ("statistics", "advanced", 8, "reading"),
}
"""Id → topic, skill level, weekly hours, learning style."""

_START_SECONDS: Final = 30.0
_ASK_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """Where ``regen-api`` answers, and the static key with which one may ask it."""

    url: str
    key: str
    process: asyncio.subprocess.Process

    @property
    def console(self) -> str:
        """The admins' console."""
        return f"{self.url}/admin"


def environment(*, database_url: str, output_url: str, store: Mapping[str, str], key: str, port: int) -> dict[str, str]:
    """What ``regen-api`` is told; the static key makes it a development server."""
    return {
        "REGEN_ENV": "development",
        "REGEN_DATABASE_URL": database_url,
        "REGEN_OUTPUT_URL": output_url,
        "REGEN_STATIC_KEY": key,
        "REGEN_STATIC_KEY_SUBJECT": SUBJECT,
        "REGEN_HTTP_HOST": "127.0.0.1",
        "REGEN_HTTP_PORT": str(port),
        **store,
    }


async def ready(control_plane: ControlPlane, log: Path) -> None:
    """Returns once the program answers that it is ready.

    Raises:
        RuntimeError: it ended, or did not answer in time; with the end of its log.
    """
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for _ in range(int(_START_SECONDS / _ASK_SECONDS)):
            if control_plane.process.returncode is not None:
                break
            try:
                async with session.get(f"{control_plane.url}/readyz") as response:
                    if response.status == 200:
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass  # it does not listen yet, and says nowhere but here when it does
            await asyncio.sleep(_ASK_SECONDS)
    said = (await asyncio.to_thread(log.read_text, errors="replace"))[-2000:]
    msg = f"regen-api: expected an answer within {_START_SECONDS:.0f} s, got none\n{said}"
    raise RuntimeError(msg)


def seed(database_url: str) -> None:
    """A user and plans; those that are there stay as they are."""
    with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
        connection.execute(
            """INSERT INTO "User" (id, subject, tier) VALUES (%s, %s, 'pro') ON CONFLICT DO NOTHING""", (SUBJECT, SUBJECT)
        )
        for plan_id, (topic, level, hours, style) in PLANS.items():
            connection.execute(
                """INSERT INTO "Plan" (id, "userId", topic, "skillLevel", "weeklyHours", "learningStyle")
                   VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING""",
                (plan_id, SUBJECT, topic, level, hours, style),
            )
