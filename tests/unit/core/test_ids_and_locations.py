"""Are new ids sortable DNS labels, and do URLs of objects come back as they were?"""

from __future__ import annotations

import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regen_core.ids import new_job_id
from regen_core.names import job_name
from regen_store.location import Location, is_key, parse_location


def test_an_id_is_a_version_7_uuid_of_this_moment() -> None:
    before = time.time_ns() // 1_000_000
    job_id = new_job_id()
    after = time.time_ns() // 1_000_000
    value = uuid.UUID(hex=job_id)
    assert (value.version, value.variant) == (7, uuid.RFC_4122)
    assert before <= value.int >> 80 <= after


def test_ids_differ_and_name_their_kubernetes_objects() -> None:
    ids = {new_job_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {job_name(job_id) for job_id in ids} == {f"regen-{job_id}" for job_id in ids}


KEYS = st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4).map("/".join).filter(is_key)


@given(KEYS)
def test_an_s3_key_survives_its_url(key: str) -> None:
    location = Location("s3", "bucket", key)
    assert parse_location(location.url) == location


@given(KEYS)
def test_a_path_survives_its_url(key: str) -> None:
    location = Location("file", "", f"/{key}")
    assert parse_location(location.url) == location


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "s3://", "s3://B/x", "s3://bucket/a//b", "s3://bucket/../x", "s3://bucket/x?y", "s3://bucket/x#y",
        "file://host/x", "file:x", "http://bucket/x", "s3://[", "https://bucket/x",
    ],
)  # fmt: skip
def test_no_url_of_an_object(url: str) -> None:
    assert parse_location(url) is None
