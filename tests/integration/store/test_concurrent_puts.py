"""Does exactly one of many writers win a key, and every other one learn that it lost?"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from regen_core.errors import OutputExists
from regen_store.port import StoredObject
from tests.integration.store.conftest import digest

if TYPE_CHECKING:
    from regen_store.port import Store

WRITERS = 8


@pytest.mark.parametrize("size", [16, 300_000])
def test_that_one_of_many_different_writers_wins(store: Store, size: int) -> None:
    for round_number in range(4):
        key = f"document/job-{round_number}/report.html"
        bodies = [bytes([writer]) * size for writer in range(WRITERS)]
        outcomes = _put_at_once(store, key, bodies)
        winners = [body for body, won in zip(bodies, outcomes, strict=True) if won]
        assert len(winners) == 1
        assert store.head(key) == StoredObject(size, digest(winners[0]))


def test_that_every_writer_of_the_same_bytes_succeeds(store: Store) -> None:
    key = "document/job-1/report.html"
    assert all(_put_at_once(store, key, [b"the same"] * WRITERS))
    assert store.head(key) == StoredObject(8, digest(b"the same"))


def _put_at_once(store: Store, key: str, bodies: list[bytes]) -> list[bool]:
    barrier = threading.Barrier(len(bodies))

    def put(body: bytes) -> bool:
        barrier.wait(30)
        try:
            store.put(key, body, digest(body), "text/html")
        except OutputExists:
            return False
        return True

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(put, bodies))
