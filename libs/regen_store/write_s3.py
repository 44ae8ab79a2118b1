"""Outputs in an S3 bucket: single conditional puts, never a multipart upload (docs/contract.md#store).

Sources: Amazon S3, "How to prevent object overwrites with conditional writes" (412, 409) and "Checking object integrity".
botocore is used without boto3's resources and transfer manager, and makes each request once: what may be tried again
is decided here, where a lost answer is told from a taken key.
"""

from __future__ import annotations

import base64
import hashlib
import os
import random
import secrets
import time
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast
from urllib.parse import quote

from botocore import exceptions as boto
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from regen_core.errors import OutputExists, OutputRefused, RegenError, SettingsInvalid, StoreUnavailable, StoreUnsafe
from regen_store.errors import StoreDenied
from regen_store.port import (
    PROBE_KEY,
    StoredObject,
    as_file,
    checked_key,
    measure,
    other_bytes,
    wrong_digest,
)
from regen_store.s3_settings import s3_settings, unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_s3 import S3Client

ATTEMPTS: Final = 4
"""Requests per call before it counts as unavailable; whoever called has the longer patience."""

_FIRST_DELAY: Final = 0.1
_PRECONDITION_FAILED: Final = 412
_ABSENT: Final = {403, 404}
"""403 too: S3 hides absence from credentials that may not list the bucket."""
_TRANSIENT_STATUS: Final = {429, 500, 502, 503, 504}
_TRANSIENT_CODES: Final = {
    "ConditionalRequestConflict",
    "OperationAborted",
    "RequestTimeout",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
}
_DIGEST_CODES: Final = {"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"}


def s3_client(environ: Mapping[str, str]) -> S3Client:
    """A client configured by the standard ``AWS_*`` variables.

    A given endpoint is addressed by path, since few of them own a wildcard domain. The region falls back to ``us-east-1``,
    which S3-compatible servers ignore.

    Raises:
        StoreDenied: a variable cannot be used; the message names it and shows no value.
    """
    try:
        settings = s3_settings(environ)
    except SettingsInvalid as error:
        raise StoreDenied(error.message) from error
    config = Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"total_max_attempts": 1},
        tcp_keepalive=True,
        # Our own SHA-256 is sent; nothing is added to it.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if settings.endpoint else "auto"},
    )
    try:
        client = get_session().create_client(
            "s3",
            region_name=settings.region,
            endpoint_url=settings.endpoint,
            config=config,
            aws_access_key_id=environ.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=environ.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=environ.get("AWS_SESSION_TOKEN"),
        )
    except (BotoCoreError, ValueError) as error:
        raise StoreDenied(unusable(error).message) from None
    return cast("S3Client", client)


class S3Store:
    """A ``Store`` (see there for what each method promises) beneath ``prefix`` of ``bucket``."""

    def __init__(self, client: S3Client, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def probe(self) -> None:
        """Tries to create one object with bytes of its own: refused, as after the first time ever, in one request.

        Where it is created, the second try decides.
        """
        for _ in range(2):
            body = f"probe {secrets.token_hex(16)}\n".encode()
            try:
                self.put(PROBE_KEY, body, hashlib.sha256(body).hexdigest(), "text/plain")
            except OutputExists:
                return
        msg = f"store s3://{self._bucket}: expected 412 for a second put with If-None-Match, got a replaced object"
        raise StoreUnsafe(msg)

    def put(self, key: str, body: bytes | BinaryIO, sha256: str, media_type: str) -> str:
        """One conditional put, made again where its answer was lost."""
        file = as_file(body)
        size = file.seek(0, os.SEEK_END)
        parameters = {
            **self._at(key),
            "IfNoneMatch": "*",
            "ContentLength": size,
            "ContentType": media_type,
            "ChecksumSHA256": base64.b64encode(bytes.fromhex(sha256)).decode("ascii"),
        }

        def attempt() -> None:
            file.seek(0)
            self._client.put_object(**cast("Any", parameters), Body=file)

        def resolve(error: ClientError) -> bool:
            """Whether the error answers the put after all; False to try again."""
            if _code(error) in _DIGEST_CODES:
                raise wrong_digest(key, sha256) from error
            return _status(error) == _PRECONDITION_FAILED and self._is_ours(key, StoredObject(size, sha256))

        self._asked(key, attempt, resolve)
        return self.url(key)

    def head(self, key: str) -> StoredObject | None:
        """The object's size and checksum; it is read whole where the store keeps no SHA-256 of the whole object."""
        found: StoredObject | None = None

        def attempt() -> None:
            nonlocal found
            answer = self._client.head_object(**self._at(key), ChecksumMode="ENABLED")
            found = _from_head(answer.get("ContentLength", -1), answer.get("ChecksumSHA256", "")) or self._read(key)

        self._asked(key, attempt, lambda error: _status(error) in _ABSENT)
        return found

    def url(self, key: str) -> str:
        """``s3://bucket/prefix/key``, percent-encoded."""
        return f"s3://{self._bucket}/{quote(self._key(key))}"

    def _key(self, key: str) -> str:
        return f"{self._prefix}/{checked_key(key)}" if self._prefix else checked_key(key)

    def _at(self, key: str) -> Any:
        return {"Bucket": self._bucket, "Key": self._key(key)}

    def _read(self, key: str) -> StoredObject:
        answer = self._client.get_object(**self._at(key))
        with answer["Body"] as stream:
            return measure(cast("BinaryIO", stream))

    def _is_ours(self, key: str, ours: StoredObject) -> bool:
        """Whether our bytes lie at a key that was refused to us; False where nothing can be seen there (try again).

        The probe's bytes are new each time, so what lies at its key is never looked at.
        """
        if key == PROBE_KEY:
            raise other_bytes(key, ours.sha256, None)
        found = self.head(key)
        if found is not None and found != ours:
            raise other_bytes(key, ours.sha256, found.sha256)
        return found is not None

    def _asked(self, key: str, attempt: Callable[[], None], resolve: Callable[[ClientError], bool]) -> None:
        """Makes the request up to ``ATTEMPTS`` times.

        Args:
            key: for messages.
            attempt: makes the request.
            resolve: whether an error of the server is an answer to be content with; it may raise.

        Raises:
            StoreUnavailable: every attempt met a transient failure.
            StoreDenied: the store will not answer otherwise.
            StoreUnsafe: the store does not know the condition.
        """
        failure: RegenError | None = None
        for number in range(ATTEMPTS):
            if number:
                time.sleep(random.uniform(0, _FIRST_DELAY * 2**number))  # noqa: S311 - nothing here can be awaited
            try:
                attempt()
            except ClientError as error:
                if resolve(error):
                    return
                failure = _classified(key, error)
            except (boto.ConnectionError, boto.HTTPClientError, boto.IncompleteReadError) as error:
                # Only its name: botocore's texts repeat the endpoint, and headers.
                failure = StoreUnavailable(f"store: expected an answer for {key}, got {type(error).__name__}", key=key)
            except (OSError, BotoCoreError) as error:
                raise _final(key, error) from error
            else:
                return
        raise failure or StoreUnavailable(f"store: expected an answer for {key}, got none", key=key)


def _classified(key: str, error: ClientError) -> StoreUnavailable:
    """The failure that one more attempt may cure.

    Raises:
        StoreDenied: none will.
        StoreUnsafe: nor any other put.
    """
    status, code = _status(error), _code(error)
    if status in _TRANSIENT_STATUS or code in _TRANSIENT_CODES or status == _PRECONDITION_FAILED:
        return StoreUnavailable(f"store: expected success for {key}, got {status} {code}", key=key)
    if code == "NotImplemented":
        msg = f"store: expected a server that knows If-None-Match on put, got {status} {code}"
        raise StoreUnsafe(msg) from error
    msg = f"store: expected success for {key}, got {status} {code}"
    raise StoreDenied(msg, key=key) from error


def _final(key: str, error: Exception) -> RegenError:
    if isinstance(error, OSError):
        return OutputRefused(f"output {key}: expected a readable file, got {error.strerror or error}", key=key)
    return StoreDenied(f"store: expected a usable configuration for {key}, got {type(error).__name__}", key=key)


def _from_head(size: int, checksum: str) -> StoredObject | None:
    """None without a checksum of the whole object: a composite one, of parts, ends in ``-<parts>``."""
    if size < 0 or not checksum or "-" in checksum:
        return None
    return StoredObject(size, base64.b64decode(checksum).hex())


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
