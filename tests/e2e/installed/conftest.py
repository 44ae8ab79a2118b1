"""The chart, installed once per session in a real cluster. Nothing is mocked; only ``make cluster-test`` runs this folder.

Images are those that REGEN_TEST_OPERATOR_IMAGE, REGEN_TEST_RUNNER_IMAGE and REGEN_TEST_IMAGE name.
"""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from regen_stack.config import StackConfig
from tests.e2e.installed.installation import Installation
from tests.e2e.provenance import new_key
from tests.e2e.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def installation() -> AsyncIterator[Installation]:
    config = StackConfig.from_environment()
    if config.kubeconfig is None:
        pytest.skip("not proven here: needs a real cluster")
    config = dataclasses.replace(
        config, namespace=f"regen-{os.getpid()}", runner_namespace=f"regen-{os.getpid()}-runs", signing_key=new_key()
    )
    async with Installation(config) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def world(installation: Installation) -> AsyncIterator[World]:
    world = World(installation)
    await world.open()
    yield world
    await world.close()
