"""Opens the store that outputs are written to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from regen_core.errors import SettingsInvalid
from regen_store.location import parse_location

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regen_store.port import Store


def open_store(url: str, environ: Mapping[str, str]) -> Store:
    """The store that ``REGEN_OUTPUT_URL`` names; no connection is made.

    Args:
        url: ``s3://bucket/prefix`` or ``file:///folder``.
        environ: for the ``AWS_*`` variables.

    Raises:
        SettingsInvalid: ``url`` is neither.
    """
    location = parse_location(url)
    if location is None:
        msg = "REGEN_OUTPUT_URL: expected s3://bucket/prefix or file:///absolute/folder, got another text"
        raise SettingsInvalid(msg)
    if location.scheme == "file":
        from regen_store.write_file import FileStore  # noqa: PLC0415 - start only what this job uses

        return FileStore(Path(location.path))
    from regen_store.write_s3 import S3Store, s3_client  # noqa: PLC0415 - costs 0.2 s of CPU

    return S3Store(s3_client(environ), location.bucket, location.path)
