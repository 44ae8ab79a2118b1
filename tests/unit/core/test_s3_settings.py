"""Is a variable of the S3 client that cannot be used named, without its value, before botocore sees it?"""

from __future__ import annotations

import pytest

from regen_core.errors import SettingsInvalid
from regen_store.s3_settings import S3Settings, s3_settings

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, S3Settings(None, "us-east-1")),
        (KEYS | {"AWS_SESSION_TOKEN": "token", "AWS_REGION": "eu-north-1"}, S3Settings(None, "eu-north-1")),
        ({"AWS_DEFAULT_REGION": "eu-north-1", "AWS_REGION": ""}, S3Settings(None, "eu-north-1")),
        ({"AWS_ENDPOINT_URL_S3": "", "AWS_ENDPOINT_URL": "http://[::1]:9000"}, S3Settings("http://[::1]:9000", "us-east-1")),
        ({"AWS_ENDPOINT_URL_S3": "http://s3.example.:9000/"}, S3Settings("http://s3.example.:9000/", "us-east-1")),
        (
            {"AWS_ENDPOINT_URL_S3": "https://minio", "AWS_ENDPOINT_URL": "http://other"},
            S3Settings("https://minio", "us-east-1"),
        ),
    ],
)
def test_what_can_be_used(environ: dict[str, str], expected: S3Settings) -> None:
    assert s3_settings(environ) == expected


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"AWS_ENDPOINT_URL_S3": "ada:hunter2@minio:9000"}, "AWS_ENDPOINT_URL_S3: expected a URL"),
        ({"AWS_ENDPOINT_URL_S3": "http://ada:hunter2@minio:9000"}, "AWS_ENDPOINT_URL_S3: expected a URL"),
        ({"AWS_ENDPOINT_URL_S3": "http://hunter2:port"}, "AWS_ENDPOINT_URL_S3: expected a URL"),
        ({"AWS_ENDPOINT_URL_S3": "ftp://hunter2"}, "AWS_ENDPOINT_URL_S3: expected a URL"),
        ({"AWS_ENDPOINT_URL_S3": "http://hunter2_of_ours"}, "AWS_ENDPOINT_URL_S3: expected a URL"),
        ({"AWS_ENDPOINT_URL_S3": "http://hunter2:9000\n"}, "AWS_ENDPOINT_URL_S3: expected a URL"),
        ({"AWS_ENDPOINT_URL_S3": "http://:9000/hunter2"}, "AWS_ENDPOINT_URL_S3: expected a URL"),
        ({"AWS_ENDPOINT_URL": "http://[hunter2"}, "AWS_ENDPOINT_URL: expected a URL"),
        ({"AWS_ENDPOINT_URL": "hunter2"}, "AWS_ENDPOINT_URL: expected a URL"),
        ({"AWS_SECRET_ACCESS_KEY": "hunter2"}, "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: expected both"),
        ({"AWS_ACCESS_KEY_ID": "hunter2"}, "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: expected both"),
        (KEYS | {"AWS_SECRET_ACCESS_KEY": "hunter2\n"}, "AWS_SECRET_ACCESS_KEY: expected printable characters"),
        (KEYS | {"AWS_SESSION_TOKEN": "hunter2\n"}, "AWS_SESSION_TOKEN: expected printable characters"),
        ({"AWS_REGION": "hunter2 of ours"}, "AWS_REGION: expected a region"),
        ({"AWS_DEFAULT_REGION": "hunter2-"}, "AWS_DEFAULT_REGION: expected a region"),
    ],
)
def test_what_cannot(environ: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        s3_settings(environ)
    assert caught.value.message.startswith(named)
    assert "hunter2" not in caught.value.message
