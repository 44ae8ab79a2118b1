"""Reading outputs in a folder."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from regen_core.errors import StoreUnavailable
from regen_store.errors import ObjectMissing
from regen_store.location import Location

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE: Final = 1000


class FileReader:
    """A ``Reader`` of files; links are not followed."""

    def pages(self, folder: Location) -> Iterator[list[tuple[Location, int]]]:
        """The regular files beneath the folder, folder by folder."""
        page: list[tuple[Location, int]] = []
        for root, folders, names in os.walk(folder.path, onerror=_unless_absent):
            folders.sort()
            for name in sorted(names):
                path = Path(root, name)
                status = path.lstat()
                if stat.S_ISREG(status.st_mode):
                    page.append((Location("file", "", str(path)), status.st_size))
                if len(page) == _PAGE:
                    yield page
                    page = []
        if page:
            yield page

    @contextmanager
    def open(self, at: Location) -> Iterator[BinaryIO]:
        """The file's bytes."""
        try:
            descriptor = os.open(at.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError as error:
            msg = f"expected an object at {at.url}, got none"
            raise ObjectMissing(msg) from error
        except OSError as error:
            raise _unavailable(at.path, error) from error
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                msg = f"expected a regular file at {at.url}, got another kind"
                raise ObjectMissing(msg)
            yield file


def _unless_absent(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise _unavailable(str(error.filename), error) from error


def _unavailable(path: str, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(f"store: expected to read {path}, got {error.strerror or error}")
