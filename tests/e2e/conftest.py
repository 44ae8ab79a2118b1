"""One stack per test process: PostgreSQL, S3, a Kubernetes API and node agent, all embedded, and two real operators.

With KUBECONFIG and REGEN_TEST_HOST set (``make cluster-test``), that cluster stands in for the API and the node agent.

Every file runs on the session's event loop, where the stack lives, and in one process. Nothing is mocked. What kubelite
is not is said in its own package: what only a real cluster proves is not proven here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest_asyncio

from regen_stack.config import StackConfig
from regen_stack.stack import Stack
from tests.e2e.provenance import new_key
from tests.e2e.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack() -> AsyncIterator[Stack]:
    """The stack, without operators; its pods sign with a key of the session's."""
    async with Stack(replace(StackConfig.from_environment(), signing_key=new_key())) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def world(stack: Stack) -> AsyncIterator[World]:
    """The stack with two operators at work."""
    world = World(stack)
    await world.open()
    await world.ensure_operators(2)
    yield world
    await world.close()


@pytest_asyncio.fixture(loop_scope="session")
async def quiet_world(stack: Stack) -> AsyncIterator[World]:
    """The stack with no operator at work; the test starts its own."""
    world = World(stack)
    await world.open()
    await world.stop_operators()
    yield world
    await world.close()
