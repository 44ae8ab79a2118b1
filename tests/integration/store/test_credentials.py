"""Can the runner's credentials take an output away, and is a setting of theirs that cannot be used named without its value?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from regen_store.errors import StoreDenied
from regen_store.port import StoredObject
from regen_store.write import open_store
from regen_store.write_s3 import s3_client
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


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"AWS_ENDPOINT_URL_S3": "ada:hunter2@minio:9000"}, "AWS_ENDPOINT_URL_S3: expected a URL"),
        ({"AWS_ENDPOINT_URL": "hunter2"}, "AWS_ENDPOINT_URL: expected a URL"),
        ({"AWS_SECRET_ACCESS_KEY": "hunter2"}, "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: expected both"),
        ({"AWS_ACCESS_KEY_ID": "hunter2"}, "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: expected both"),
        ({"AWS_REGION": "hunter2 of ours"}, "AWS_REGION: expected a region"),
        ({"AWS_DEFAULT_REGION": "hunter2 of ours"}, "AWS_DEFAULT_REGION: expected a region"),
        ({"AWS_ENDPOINT_URL_S3": "http://ada:hunter2@minio:9000"}, "AWS_ENDPOINT_URL_S3: expected a URL"),
        ({"AWS_ENDPOINT_URL_S3": "http://ada:hunter2@minio:port"}, "AWS_ENDPOINT_URL_S3: expected a URL"),
        ({"AWS_ENDPOINT_URL": "http://hunter2:99999"}, "AWS_ENDPOINT_URL: expected a URL"),
        ({"AWS_ACCESS_KEY_ID": "hunter2\n"}, "AWS_ACCESS_KEY_ID: expected printable characters on one line"),
        ({"AWS_SECRET_ACCESS_KEY": "hunter2\n"}, "AWS_SECRET_ACCESS_KEY: expected printable characters on one line"),
        ({"AWS_SESSION_TOKEN": "hunter2\r\nx: y"}, "AWS_SESSION_TOKEN: expected printable characters on one line"),
        ({"AWS_SESSION_TOKEN": "hunter2\udcff"}, "AWS_SESSION_TOKEN: expected printable characters on one line"),
        ({"AWS_REGION": "hunter2\n"}, "AWS_REGION: expected printable characters on one line"),
    ],
)
def test_that_a_setting_which_cannot_be_used_is_denied_by_name(environment: dict[str, str], named: str) -> None:
    with pytest.raises(StoreDenied) as caught:
        open_store("s3://bucket/prefix", environment)
    assert caught.value.message.startswith(named)
    assert "hunter2" not in caught.value.message
