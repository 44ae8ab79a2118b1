"""Does a put into the folder store that is killed at any system call leave the whole file or none, and can it be made again?

A process of its own puts one file; it is killed before the n-th of its calls that change the disk. A clean run counts them.
"""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from regen_core.errors import OutputExists
from regen_store.port import StoredObject
from regen_store.write_file import FileStore

if TYPE_CHECKING:
    from pathlib import Path

KEY = "document/job-1/report.html"
BODY = b"whole " * 50_000
DIGEST = hashlib.sha256(BODY).hexdigest()
CALLS = ("mkdir", "write", "fchmod", "fsync", "link", "unlink")
PROGRAM = """
import hashlib, os, signal, sys
from pathlib import Path
from regen_store.write_file import FileStore
folder, stop, calls = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(",")
body, passed = b"whole " * 50_000, 0
def wrapped(real):
    def call(*arguments, **named):
        global passed
        passed += 1
        if passed == stop:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)
    return call
for name in calls:
    setattr(os, name, wrapped(getattr(os, name)))
FileStore(Path(folder)).put("document/job-1/report.html", body, hashlib.sha256(body).hexdigest(), "text/html")
sys.stdout.write(str(passed))
"""
MOST = 12


def put(folder: Path, stop: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, str(folder), str(stop), ",".join(CALLS)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)


def test_that_a_clean_put_makes_no_more_calls_than_are_tried(tmp_path: Path) -> None:
    done = put(tmp_path, 0)
    assert done.returncode == 0, done.stderr
    assert 4 < int(done.stdout) <= MOST


@pytest.mark.parametrize("stop", range(1, MOST + 1))
def test_that_a_killed_put_leaves_all_or_nothing(tmp_path: Path, stop: int) -> None:
    died = put(tmp_path, stop)
    assert died.returncode in {0, -signal.SIGKILL}, died.stderr
    store = FileStore(tmp_path)
    assert store.head(KEY) in {None, StoredObject(len(BODY), DIGEST)}
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert found in ([], [tmp_path / KEY]), "a part of a file was left beside it"
    store.put(KEY, BODY, DIGEST, "text/html")
    assert (tmp_path / KEY).read_bytes() == BODY
    with pytest.raises(OutputExists):
        store.put(KEY, b"other", hashlib.sha256(b"other").hexdigest(), "text/html")
