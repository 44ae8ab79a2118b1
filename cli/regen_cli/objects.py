"""Reading the store: what lies in a folder of it, and the bytes of one object. There is no way to write.

``objects_file`` and ``objects_s3`` are the two implementations; which one serves a URL, its scheme says.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from regen_core.errors import SettingsInvalid
from regen_store.errors import ObjectMissing
from regen_store.location import Location, parse_location
from regen_verify import ObjectRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

BLOCK: Final = 1 << 20


class Reader(Protocol):
    """A store that is read. Every call ends in bounded time.

    Raises, from every method: ``StoreUnavailable`` where the same call may be tried again, ``StoreDenied`` where it may
    not.
    """

    def pages(self, folder: Location) -> Iterator[list[tuple[Location, int]]]:
        """The objects beneath ``folder``, at any depth, each with its size in bytes; none where there is no such folder."""
        ...

    def open(self, at: Location) -> AbstractContextManager[BinaryIO]:
        """The object's bytes.

        Raises:
            ObjectMissing: there is none.
        """
        ...


class Objects:
    """Every store that a URL may name, with one client each.

    Args:
        environ: for the ``AWS_*`` variables.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._readers: dict[str, Reader] = {}

    def pages(self, folder: Location) -> Iterator[list[tuple[Location, int]]]:
        return self._reader(folder).pages(folder)

    def open(self, at: Location) -> AbstractContextManager[BinaryIO]:
        return self._reader(at).open(at)

    def measure(self, at: Location) -> ObjectRecord:
        """Size and digest of the bytes, which are read block by block.

        Raises:
            ObjectMissing: there are none.
        """
        digest, size = hashlib.sha256(), 0
        with self.open(at) as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
                size += len(block)
        return ObjectRecord(size, digest.hexdigest())

    def prepare(self, location: Location) -> None:
        """Makes the client that serves ``location``, before threads share it."""
        self._reader(location)

    def _reader(self, location: Location) -> Reader:
        if location.scheme not in self._readers:
            self._readers[location.scheme] = self._opened(location)
        return self._readers[location.scheme]

    def _opened(self, location: Location) -> Reader:
        if location.scheme == "file":
            from regen_cli.objects_file import FileReader  # noqa: PLC0415 - start only what this command uses

            return FileReader()
        try:
            from regen_cli.objects_s3 import S3Reader  # noqa: PLC0415 - costs 0.2 s of CPU
        except ImportError as error:
            msg = f"{location.url}: expected botocore to be installed, which reads s3:// URLs; install regen[s3]"
            raise SettingsInvalid(msg) from error
        return S3Reader(self._environ)


def located(ref: str) -> Location:
    """The location of an object's URL.

    Raises:
        ObjectMissing: it is the URL of no store.
    """
    location = parse_location(ref)
    if location is None:
        msg = f"expected an object's URL, s3://bucket/key or file:///path, got {ref!r}"
        raise ObjectMissing(msg)
    return location


def sibling(at: Location, name: str) -> Location:
    """The location of ``name`` in the same folder."""
    return replace(at, path=f"{at.path.rpartition('/')[0]}/{name}")


def output_location(environ: Mapping[str, str]) -> Location | None:
    """Where ``REGEN_OUTPUT_URL`` says that outputs lie; None where it says nothing.

    Raises:
        SettingsInvalid: it says something else.
    """
    text = environ.get("REGEN_OUTPUT_URL", "")
    if not text:
        return None
    location = parse_location(text)
    if location is None:
        msg = "REGEN_OUTPUT_URL: expected s3://bucket/prefix or file:///absolute/folder, got another text"
        raise SettingsInvalid(msg)
    return location
