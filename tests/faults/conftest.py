"""One stack per test process: PostgreSQL, S3, a Kubernetes API and node agent, all embedded; a database for every case.

Real: the operator, the runner's three programs with their sandbox, PostgreSQL, the store. Every program is started by
``crash.py``, which changes nothing until it is told to kill. Not real: the kubelet and the Job controller are kubelite's.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from regen_stack.config import TEST_IMAGE, StackConfig
from regen_stack.stack import Stack
from tests.faults.control import Control
from tests.faults.scenarios import STUCK
from tests.faults.warm import Forks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BUDGETS = {"prepareBudgetSeconds": 5, "publishBudgetSeconds": 10, "terminationGracePeriodSeconds": 2}
CLASSES = {
    "probe_count": {"timeLimitSeconds": 10},
    "probe_noop": {"timeLimitSeconds": 10},
    STUCK: {"image": "localhost/No Such Name", "timeLimitSeconds": 5},
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``POINT`` set, only the death there is left."""
    wanted = os.environ.get("POINT")
    if not wanted:
        return
    named = {item: getattr(item, "callspec", None) for item in items}
    points = {item: spec.params.get("point", spec.params.get("name")) for item, spec in named.items() if spec is not None}
    chosen = [item for item in items if points.get(item) == wanted]
    if not chosen:
        known = sorted({str(point) for point in points.values() if "." in str(point)} - {"manifest.json", "first.txt"})
        raise pytest.UsageError(f"POINT: expected one of {', '.join(known)}; got {wanted}")
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def faulty() -> AsyncIterator[tuple[Stack, Control]]:
    """The stack whose programs have crash points, without an operator."""
    async with AsyncExitStack() as cleanup:
        control = Control(Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="regen-faults-")), "control"))
        classes = {name: {"image": TEST_IMAGE, **keys} for name, keys in CLASSES.items()}
        forks = cleanup.enter_context(Forks(control))
        config = StackConfig(programs=control.programs, start=forks, runner=BUDGETS, classes=classes)
        yield await cleanup.enter_async_context(Stack(config)), control
