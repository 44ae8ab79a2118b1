"""Is an object written once, and never changed (rule R4)?"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from regen_core.errors import OutputExists, OutputRefused
from regen_store.port import StoredObject
from tests.integration.store.conftest import digest

if TYPE_CHECKING:
    from regen_store.port import Store

KEY = "document/job-1/report.html"
OURS = b"<p>ours</p>"
OTHERS = b"<p>others</p>"


def test_that_a_put_object_lies_at_its_key(store: Store) -> None:
    ref = store.put(KEY, OURS, digest(OURS), "text/html")
    assert ref == store.url(KEY)
    assert ref.endswith(f"/{KEY}")
    assert store.head(KEY) == StoredObject(len(OURS), digest(OURS))


def test_that_nothing_lies_where_nothing_was_put(store: Store) -> None:
    assert store.head(KEY) is None


def test_that_our_own_bytes_may_be_put_again(store: Store) -> None:
    first = store.put(KEY, OURS, digest(OURS), "text/html")
    assert store.put(KEY, OURS, digest(OURS), "text/html") == first


def test_that_other_bytes_are_refused_and_change_nothing(store: Store) -> None:
    store.put(KEY, OURS, digest(OURS), "text/html")
    with pytest.raises(OutputExists, match=r"report\.html: expected nothing or our own bytes"):
        store.put(KEY, OTHERS, digest(OTHERS), "text/html")
    assert store.head(KEY) == StoredObject(len(OURS), digest(OURS))


def test_that_bytes_with_another_digest_are_refused_and_leave_nothing(store: Store) -> None:
    with pytest.raises(OutputRefused, match="expected bytes with SHA-256"):
        store.put(KEY, OURS, digest(OTHERS), "text/html")
    assert store.head(KEY) is None


@pytest.mark.parametrize("key", ["../escape", "document/../../escape", "/absolute", "a//b", "a/./b", "a\nb", "", "x" * 256])
def test_that_a_key_leads_nowhere_else(store: Store, key: str) -> None:
    with pytest.raises(OutputRefused, match="store key: expected printable segments"):
        store.put(key, OURS, digest(OURS), "text/html")


def test_that_a_job_id_may_hold_any_printable_text(store: Store) -> None:
    key = "document/job 1#%é?/report.html"
    assert store.put(key, OURS, digest(OURS), "text/html").endswith("/document/job%201%23%25%C3%A9%3F/report.html")
    assert store.head(key) == StoredObject(len(OURS), digest(OURS))


def test_that_an_empty_object_can_be_put(store: Store) -> None:
    store.put(KEY, b"", digest(b""), "text/html")
    assert store.head(KEY) == StoredObject(0, digest(b""))


def test_that_a_file_is_streamed_from_its_start_whatever_was_read(store: Store) -> None:
    body = bytes(range(256)) * (40 << 10)  # 10 MiB
    file = _Metered(body)
    file.seek(7)
    store.put(KEY, file, digest(body), "application/octet-stream")
    assert store.head(KEY) == StoredObject(len(body), digest(body))
    assert file.largest_read <= 1 << 20


class _Metered(io.BytesIO):
    """Remembers the largest block that was asked for."""

    largest_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        self.largest_read = max(self.largest_read, len(block))
        return block
