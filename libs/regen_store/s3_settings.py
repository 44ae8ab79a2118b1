"""The standard ``AWS_*`` variables of an S3 client, each refused by its name and without its value.

botocore takes some with which no request can be made, and its own texts repeat an endpoint's user and a header's key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from regen_core.errors import SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

_FALLBACK: Final = "us-east-1"
"""S3-compatible servers ignore the region."""
_REGION: Final = re.compile(r"(?![0-9]+$)(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_HOST: Final = re.compile(r"((?!-)[A-Za-z0-9-]{1,63}(?<!-)\.)*(?!-)[A-Za-z0-9-]{1,63}(?<!-)\.?")
"""botocore's rule, which has no underscore. Brackets, and so colons, Python has checked."""
_KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_ONE_LINE: Final = (*_KEYS, "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION")
"""Parts of headers; a value from a file often ends in a line's end, which no header may hold."""


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Where the store is. No ``endpoint`` means AWS itself, of ``region``."""

    endpoint: str | None
    region: str


def s3_settings(environ: Mapping[str, str]) -> S3Settings:
    """What ``environ`` says; the keys are checked, and left there.

    Raises:
        SettingsInvalid: names the first variable that cannot be used, and what was expected.
    """
    for name in _ONE_LINE:
        if not environ.get(name, "").isprintable():
            raise SettingsInvalid(f"{name}: expected printable characters on one line, got others beside them")
    if len({bool(environ.get(name)) for name in _KEYS}) > 1:
        raise SettingsInvalid(f"{', '.join(_KEYS)}: expected both or neither, got one")
    name = _first_set(environ, "AWS_REGION", "AWS_DEFAULT_REGION")
    region = environ.get(name) or _FALLBACK
    if not _REGION.fullmatch(region):
        raise SettingsInvalid(f"{name}: expected a region such as us-east-1, got another text")
    name = _first_set(environ, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    endpoint = environ.get(name) or None
    if endpoint is not None and not _is_address(endpoint):
        msg = f"{name}: expected a URL that begins with https:// or http:// and names no user, got another text"
        raise SettingsInvalid(msg)
    return S3Settings(endpoint, region)


def unusable(error: Exception) -> SettingsInvalid:
    """No client can be made, for a reason that is in none of the variables above: what botocore raised is named, not told."""
    return SettingsInvalid(f"AWS_*: expected a usable configuration of the S3 client, got {type(error).__name__}")


def _is_address(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        is_web = parts.scheme in {"http", "https"} and parts.username is None and parts.port != 0
    except ValueError:
        return False
    host = parts.hostname or ""
    return is_web and endpoint.isprintable() and (":" in host or _HOST.fullmatch(host) is not None)


def _first_set(environ: Mapping[str, str], first: str, second: str) -> str:
    return first if environ.get(first) else second
