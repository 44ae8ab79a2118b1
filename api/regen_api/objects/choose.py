"""The store that a URL names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regen_api.objects.file import FileObjects
from regen_api.objects.s3 import S3Objects, s3_reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regen_api.objects.port import Objects


def objects_at(url: str, environ: Mapping[str, str], timeout_seconds: float) -> Objects:
    """Those beneath ``url`` (``s3://bucket/prefix`` or ``file:///folder``), with the standard AWS variables of ``environ``.

    Raises:
        SettingsInvalid: one of them cannot be used.
    """
    if url.startswith("s3://"):
        return S3Objects(s3_reader(environ, timeout_seconds), url)
    return FileObjects(url)
