"""Can the runner's credentials take an output away?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from regen_runner.store import StoredObject, open_store
from regen_runner.store_s3 import s3_client
from tests.integration.store.conftest import digest

if TYPE_CHECKING:
    from tests.s3_fixtures import Bucket

KEY = "document/job-1/report.html"


def test_that_the_runner_cannot_delete_what_it_put(bucket: Bucket) -> None:
    store = open_store(bucket.url, bucket.environment)
    store.put(KEY, b"ours", digest(b"ours"), "text/html")
    client = cast("Any", s3_client(bucket.environment))
    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_object(Bucket=bucket.url.removeprefix("s3://"), Key=KEY)
    assert store.head(KEY) == StoredObject(4, digest(b"ours"))


def test_that_the_media_type_is_kept(bucket: Bucket) -> None:
    open_store(bucket.url, bucket.environment).put(KEY, b"ours", digest(b"ours"), "text/html; charset=utf-8")
    found = s3_client(bucket.environment).head_object(Bucket=bucket.url.removeprefix("s3://"), Key=KEY)
    assert found["ContentType"] == "text/html; charset=utf-8"
