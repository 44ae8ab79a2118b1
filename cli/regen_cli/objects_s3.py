"""Reading outputs in an S3 bucket. botocore is used without boto3: lists and gets need no more."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as NoConnection
from botocore.session import get_session

from regen_core.errors import StoreUnavailable
from regen_store.errors import ObjectMissing, StoreDenied
from regen_store.location import Location
from regen_store.s3_settings import s3_settings, unusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_s3 import S3Client

    from regen_core.errors import RegenError

_ABSENT: Final = {"404", "NoSuchKey", "NotFound"}
_TRANSIENT: Final = {429, 500, 502, 503, 504}


class S3Reader:
    """A ``Reader`` of buckets; reads are repeated by botocore, four times at most.

    Args:
        environ: the standard ``AWS_*`` variables; credentials are found as every AWS tool finds them.

    Raises:
        SettingsInvalid: a variable cannot be used; the message names it and shows no value.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        settings = s3_settings(environ)
        config = Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 4},
            max_pool_connections=16,
            # few other servers own a wildcard domain
            s3={"addressing_style": "path" if settings.endpoint else "auto"},
        )
        try:
            client = get_session().create_client(
                "s3", region_name=settings.region, endpoint_url=settings.endpoint, config=config
            )
        except (BotoCoreError, ValueError) as error:
            raise unusable(error) from None
        self._client = cast("S3Client", client)

    def pages(self, folder: Location) -> Iterator[list[tuple[Location, int]]]:
        """The objects beneath the prefix, 1000 a page, in the order of their keys' bytes."""
        prefix = f"{folder.path.rstrip('/')}/" if folder.path else ""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=folder.bucket, Prefix=prefix)
        with _translated(folder):
            for page in pages:
                found = [(Location("s3", folder.bucket, one["Key"]), one["Size"]) for one in page.get("Contents", [])]
                if found:
                    yield found

    @contextmanager
    def open(self, at: Location) -> Iterator[BinaryIO]:
        """The object's bytes, as they come."""
        with _translated(at):
            answer = self._client.get_object(Bucket=at.bucket, Key=at.path)
            with answer["Body"] as stream:
                yield cast("BinaryIO", stream)


@contextmanager
def _translated(at: Location) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise _classified(at, error) from error
    except (NoConnection, HTTPClientError, IncompleteReadError) as error:
        # Only its name, here and below: botocore's texts repeat the endpoint, and headers.
        raise StoreUnavailable(f"store: expected an answer for {at.url}, got {type(error).__name__}") from error
    except BotoCoreError as error:
        raise StoreDenied(f"store: expected a usable configuration for {at.url}, got {type(error).__name__}") from error


def _classified(at: Location, error: ClientError) -> RegenError:
    answer: Any = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _ABSENT:
        return ObjectMissing(f"expected an object at {at.url}, got none")
    if status in _TRANSIENT:
        return StoreUnavailable(f"store: expected success for {at.url}, got {status} {code}")
    return StoreDenied(f"store: expected success for {at.url}, got {status} {code}")
