"""Is the log free of noise after a stop during a burst of events?"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from regen_operator.kube.handlers import kopf_settings
from regen_operator.kube.watching import watch
from regen_operator.launch.job import build_job
from regen_operator.launch.order import JobOrder

if TYPE_CHECKING:
    import kopf
    from pytest_mock import MockerFixture

    from kubelite.api import KubernetesAPI
    from regen_operator.kube.client import KubeClient
    from regen_operator.launch.classes import Classes
    from regen_operator.settings import Settings

OBJECTS = 200


class FirstEvent:
    """Sets ``heard`` with the first event of a Job."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()

    def job_event(self, job_id: str, body: dict[str, Any], *, deleted: bool) -> None:  # noqa: ARG002
        self.heard.set()

    def pod_event(self, job_id: str, body: dict[str, Any], *, listed: bool, deleted: bool) -> None: ...

    def custom_event(self, body: dict[str, Any], *, deleted: bool) -> None: ...


def without_patience(settings: kopf.OperatorSettings) -> kopf.OperatorSettings:
    """The operator's settings, but events that are still queued at a stop are given no time."""
    given = kopf_settings(settings)
    given.queueing.exit_timeout = 0.0
    return given


async def test_a_stop_among_events_says_nothing(  # noqa: PLR0917 - fixtures
    api: KubernetesAPI,
    classes: Classes,
    settings: Settings,
    kube: KubeClient,
    mocker: MockerFixture,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mocker.patch("regen_operator.kube.watching.kopf_settings", without_patience)
    for number in range(OBJECTS):
        order = JobOrder(f"job-{number}", "document", "regen-runs", 300)
        api.store.create("jobs.batch", "regen-runs", build_job(order, classes, classes.by_type["document"]))
    hints = FirstEvent()
    caplog.set_level(logging.WARNING, logger="kopf")
    watching = asyncio.create_task(watch(hints, settings, kube))
    async with asyncio.timeout(20):
        await hints.heard.wait()
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching
    at_stop = [one.getMessage() for one in caplog.records if "signals" not in one.getMessage()]
    assert at_stop == []
