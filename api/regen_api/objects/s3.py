"""Outputs in an S3 bucket. ``Reader`` names the one call that this program makes; its credential should allow no other."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol, cast
from urllib.parse import unquote, urlsplit

from botocore import exceptions as boto
from botocore.config import Config
from botocore.session import get_session

from regen_api.objects.port import Body, OpenObject
from regen_core.errors import StoreUnavailable
from regen_store.errors import ObjectMissing
from regen_store.s3_settings import s3_settings, unusable

if TYPE_CHECKING:
    from collections.abc import Mapping

_HIDDEN: Final = (403, "AccessDenied")
"""S3 hides absence from credentials that may not list the bucket. Any other 403 is about a key or a clock, not the object."""
_NO_BUCKET: Final = "NoSuchBucket"
"""A 404 too, and about the store."""


class Reader(Protocol):
    """All that we know of an S3 client."""

    def get_object(self, *, Bucket: str, Key: str) -> Mapping[str, Any]:  # noqa: N803 - botocore's names
        """An object's stream and its size."""
        ...


def s3_reader(environ: Mapping[str, str], timeout_seconds: float) -> Reader:
    """A client configured by the standard ``AWS_*`` variables; a given endpoint is addressed by path.

    Raises:
        SettingsInvalid: a variable cannot be used; the message names it and shows no value.
    """
    settings = s3_settings(environ)
    config = Config(
        connect_timeout=timeout_seconds,
        read_timeout=timeout_seconds,
        retries={"total_max_attempts": 2},
        max_pool_connections=40,
        # The digest that counts is the database's, over the whole object.
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if settings.endpoint else "auto"},
    )
    try:
        client = get_session().create_client(
            "s3",
            region_name=settings.region,
            endpoint_url=settings.endpoint,
            config=config,
            aws_access_key_id=environ.get("AWS_ACCESS_KEY_ID") or None,
            aws_secret_access_key=environ.get("AWS_SECRET_ACCESS_KEY") or None,
            aws_session_token=environ.get("AWS_SESSION_TOKEN") or None,
        )
    except (boto.BotoCoreError, ValueError) as error:
        raise unusable(error) from None
    return cast("Reader", client)


class S3Objects:
    """``Objects`` beneath ``url``, which is ``s3://bucket/prefix``."""

    def __init__(self, reader: Reader, url: str) -> None:
        self._reader = reader
        self._base = url.rstrip("/") + "/"

    def open(self, ref: str) -> OpenObject:
        """One GET."""
        segments = [unquote(segment) for segment in ref.removeprefix(self._base).split("/")]
        if not ref.startswith(self._base) or not all(map(_is_plain, segments)):
            raise ObjectMissing("output: expected a reference beneath REGEN_OUTPUT_URL", ref=ref)
        parts = urlsplit(ref)
        try:
            answer = self._reader.get_object(Bucket=parts.netloc, Key=unquote(parts.path).removeprefix("/"))
        except boto.ClientError as error:
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            code = error.response.get("Error", {}).get("Code", "")
            if (status == HTTPStatus.NOT_FOUND and code != _NO_BUCKET) or (status, code) == _HIDDEN:
                raise ObjectMissing(f"output: expected an object that we may read, got {status} {code}", ref=ref) from error
            raise StoreUnavailable(f"store: expected the object, got {status} {code}", ref=ref) from error
        except (boto.BotoCoreError, OSError) as error:
            raise StoreUnavailable(f"store: expected an answer, got {type(error).__name__}", ref=ref) from error
        return OpenObject(_Streamed(cast("Body", answer["Body"]), ref), int(answer["ContentLength"]))


class _Streamed:
    """A body whose connection may break."""

    def __init__(self, body: Body, ref: str) -> None:
        self._body = body
        self._ref = ref

    def read(self, size: int, /) -> bytes:
        try:
            return self._body.read(size)
        except (boto.BotoCoreError, OSError) as error:
            raise StoreUnavailable(f"store: expected the whole object, got {type(error).__name__}", ref=self._ref) from error

    def close(self) -> None:
        self._body.close()


def _is_plain(segment: str) -> bool:
    """Whether no client and no server could take it for a way upwards, or for anything but a name."""
    return segment not in {"", ".", ".."} and segment.isprintable() and "/" not in segment
