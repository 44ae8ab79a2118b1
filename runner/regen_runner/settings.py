"""What prepare and publish read from their environment (prefix ``REGEN_``); a wrong value stops the program by name.

Plain dataclasses: every job pays for the start of these programs, and a settings library costs more CPU than the work.
The standard ``AWS_*`` variables are read by the S3 client itself (docs/contract.md#store).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from regen_core.errors import SettingsInvalid
from regen_core.names import DEFAULT_BUILDER_ID
from regen_runner.source_policy import SourcePolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

GIB: Final = 1 << 30
MAX_SINGLE_PUT_BYTES: Final = 5 * GIB
"""The largest object that S3 takes in one put (Amazon S3, "Uploading objects"); no multipart (docs/contract.md#store)."""

_DAY: Final = 24 * 3600
_TERMINATION_LOG: Final = "/dev/termination-log"


@dataclass(frozen=True, slots=True)
class PrepareSettings:
    """``regen-runner prepare``. Sizes are bytes, times are seconds.

    Attributes:
        max_source_bytes: of all sources of one job together; they share one volume.
        source_retry_seconds: how long an unreachable source is asked again.
        source_policy: the allowed sources; ``file://`` is for development, since it reads the image's files.
        active_deadline_seconds: after which the Job controller ends the pod anyway.
    """

    job_id: str
    pod_uid: str
    pod_name: str
    database_url: str
    in_dir: Path
    trust_dir: Path
    active_deadline_seconds: int
    max_source_bytes: int
    source_retry_seconds: int
    source_policy: SourcePolicy
    termination_log: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> PrepareSettings:
        """The settings in ``environ``.

        Raises:
            SettingsInvalid: names the first wrong variable and what was expected.
        """
        read = _Reader(environ)
        return cls(
            job_id=read.text("REGEN_JOB_ID"),
            pod_uid=read.text("REGEN_POD_UID"),
            pod_name=read.text("REGEN_POD_NAME"),
            database_url=read.database_url("REGEN_DATABASE_URL"),
            in_dir=read.path("REGEN_IN_DIR"),
            trust_dir=read.path("REGEN_TRUST_DIR"),
            active_deadline_seconds=read.integer("REGEN_ACTIVE_DEADLINE_SECONDS", 1, 30 * _DAY),
            max_source_bytes=read.integer("REGEN_MAX_SOURCE_BYTES", 0, 1024 * GIB, default=GIB),
            source_retry_seconds=read.integer("REGEN_SOURCE_RETRY_SECONDS", 0, _DAY, default=60),
            source_policy=SourcePolicy(
                output_url=read.text("REGEN_OUTPUT_URL"),
                prefixes=read.texts("REGEN_SOURCE_PREFIXES"),
                hosts=tuple(host.lower() for host in read.texts("REGEN_SOURCE_HOSTS")),
                allow_files=read.boolean("REGEN_ALLOW_FILE_SOURCES", default=False),
            ),
            termination_log=termination_log(environ),
        )


@dataclass(frozen=True, slots=True)
class PublishSettings:
    """``regen-runner publish``. Sizes are bytes, times are seconds.

    Attributes:
        reproducible: what the manifest says (rule R11); false where the class opens the network.
        max_output_bytes: of all artifacts of one job together.
        max_outputs: how many artifacts one job may have.
        builder_id: the URI of this installation in the provenance.
        image: of the pod's containers, as the operator named it; None where it did not say.
        signing_key_file: PEM file of the Ed25519 key that signs the provenance; None leaves it unsigned.
        grace_seconds: between SIGTERM and SIGKILL; the report must be done by then.
    """

    job_id: str
    database_url: str
    output_url: str
    in_dir: Path
    out_dir: Path
    result_dir: Path
    trust_dir: Path
    reproducible: bool
    max_output_bytes: int
    max_outputs: int
    builder_id: str
    image: str | None
    signing_key_file: Path | None
    active_deadline_seconds: int
    grace_seconds: int
    termination_log: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> PublishSettings:
        """The settings in ``environ``.

        Raises:
            SettingsInvalid: names the first wrong variable and what was expected.
        """
        read = _Reader(environ)
        return cls(
            job_id=read.text("REGEN_JOB_ID"),
            database_url=read.database_url("REGEN_DATABASE_URL"),
            output_url=read.text("REGEN_OUTPUT_URL"),
            in_dir=read.path("REGEN_IN_DIR"),
            out_dir=read.path("REGEN_OUT_DIR"),
            result_dir=read.path("REGEN_RESULT_DIR"),
            trust_dir=read.path("REGEN_TRUST_DIR"),
            reproducible=read.boolean("REGEN_REPRODUCIBLE", default=True),
            max_output_bytes=read.integer("REGEN_MAX_OUTPUT_BYTES", 1, MAX_SINGLE_PUT_BYTES, default=GIB),
            max_outputs=read.integer("REGEN_MAX_OUTPUTS", 1, 1024, default=64),
            builder_id=read.uri("REGEN_BUILDER_ID", default=DEFAULT_BUILDER_ID),
            image=environ.get("REGEN_IMAGE") or None,
            signing_key_file=read.optional_path("REGEN_SIGNING_KEY_FILE"),
            active_deadline_seconds=read.integer("REGEN_ACTIVE_DEADLINE_SECONDS", 1, 30 * _DAY),
            grace_seconds=read.integer("REGEN_GRACE_SECONDS", 1, 3600, default=30),
            termination_log=termination_log(environ),
        )


def termination_log(environ: Mapping[str, str]) -> Path:
    """Where the one line goes that the kubelet shows as the container's termination message."""
    return Path(environ.get("REGEN_TERMINATION_LOG") or _TERMINATION_LOG)


class _Reader:
    """Reads one variable at a time; but for numbers, values never appear in messages, since some are secret."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str) -> str:
        value = self._environ.get(name, "")
        if not value:
            raise _wrong(name, "a value", "none")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the items of a list separated by spaces."""
        return tuple(self._environ.get(name, "").split())

    def path(self, name: str) -> Path:
        path = Path(self.text(name))
        if not path.is_absolute():
            raise _wrong(name, "an absolute path", "a relative one")
        return path

    def optional_path(self, name: str) -> Path | None:
        return self.path(name) if self._environ.get(name) else None

    def uri(self, name: str, *, default: str) -> str:
        value = self._environ.get(name) or default
        if not (value.isascii() and value.isprintable() and " " not in value and _scheme(value)):
            raise _wrong(name, "a URI such as https://example.com/regen", "another text")
        return value

    def integer(self, name: str, least: int, most: int, *, default: int | None = None) -> int:
        value = self._environ.get(name, "")
        if not value and default is not None:
            return default
        expected = f"a whole number from {least} to {most}"
        if not (value.isascii() and value.isdecimal() and len(value) <= len(str(most))):
            raise _wrong(name, expected, "another text" if value else "none")
        if not least <= int(value) <= most:
            raise _wrong(name, expected, value)
        return int(value)

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self._environ.get(name, "")
        if not value:
            return default
        if value not in {"true", "false"}:
            raise _wrong(name, "true or false", "another text")
        return value == "true"

    def database_url(self, name: str) -> str:
        value = self.text(name)
        if _scheme(value) not in {"postgresql", "postgres"}:
            raise _wrong(name, "a URL that begins with postgresql://", "another text")
        return value


def _scheme(uri: str) -> str:
    """Empty where there is none, or where ``uri`` cannot be read, as with half a pair of brackets."""
    try:
        return urlsplit(uri).scheme
    except ValueError:
        return ""


def _wrong(name: str, expected: str, got: str) -> SettingsInvalid:
    return SettingsInvalid(f"{name}: expected {expected}, got {got}")
