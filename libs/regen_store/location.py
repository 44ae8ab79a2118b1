"""Where an object or a store is: the URLs ``s3://bucket/key`` and ``file:///path`` (docs/contract.md#store)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SEGMENT_BYTES = 255
"""What a file system takes as one name; S3 takes 1024 for the whole key."""


@dataclass(frozen=True, slots=True)
class Location:
    """A bucket and a key without a leading slash, or the empty bucket and an absolute path; unquoted."""

    scheme: Literal["s3", "file"]
    bucket: str
    path: str

    @property
    def url(self) -> str:
        """The percent-encoded URL."""
        return f"{self.scheme}://{self.bucket}{'/' if self.bucket else ''}{quote(self.path)}"

    def beneath(self, key: str) -> Location:
        """The location of ``key``, segments as ``is_key`` allows, in this folder."""
        root = self.path.rstrip("/")
        return replace(self, path=f"{root}/{key}" if root or self.scheme == "file" else key)


def parse_location(url: str) -> Location | None:
    """The location that ``url`` names; None where it names none, or one that leads out of itself."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    path = unquote(parts.path)
    if parts.query or parts.fragment:
        return None
    if parts.scheme == "file" and not parts.netloc and path.startswith("/"):
        return Location("file", "", path)
    key = path.strip("/")
    if parts.scheme == "s3" and _BUCKET.fullmatch(parts.netloc) and (not key or is_key(key)):
        return Location("s3", parts.netloc, key)
    return None


def is_key(key: str) -> bool:
    """Whether ``key`` is made of printable segments of 1 to 255 bytes, none of them ``.`` or ``..``."""
    return all(
        segment.isprintable() and segment not in {"", ".", ".."} and len(segment.encode()) <= _SEGMENT_BYTES
        for segment in key.split("/")
    )
