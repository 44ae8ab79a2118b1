"""Is everything refused that an executor could leave in place of a plain file?

Real: the file system. Nothing is mocked but the kernel's lack of ``openat2``.
"""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from regen_core.envelope import DeclaredArtifact
from regen_core.errors import Classification, OutputRefused
from regen_runner.publish.outputs import checked_outputs

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

GIB = 1 << 30


def declared(*names: str, media_type: str = "text/plain") -> tuple[DeclaredArtifact, ...]:
    return tuple(DeclaredArtifact(name, media_type) for name in names)


def refusal(out: Path, artifacts: tuple[DeclaredArtifact, ...], *, max_bytes: int = GIB, max_files: int = 64) -> str:
    with pytest.raises(OutputRefused) as caught, checked_outputs(out, artifacts, max_bytes=max_bytes, max_files=max_files):
        pass
    assert caught.value.as_job_error().classification is Classification.OUTPUT
    return caught.value.message


def open_descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def test_that_plain_files_are_held_open_by_name_with_size_and_digest(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"two")
    (tmp_path / "a.csv").write_bytes(b"")
    with checked_outputs(tmp_path, declared("b.csv", "a.csv"), max_bytes=GIB, max_files=2) as checked:
        (tmp_path / "b.csv").unlink()
        assert [(output.name, output.size_bytes, output.sha256) for output in checked] == [
            ("a.csv", 0, hashlib.sha256(b"").hexdigest()),
            ("b.csv", 3, hashlib.sha256(b"two").hexdigest()),
        ]
        assert checked[1].open().read() == b"two"
        assert checked[1].open().read() == b"two"


def test_that_descriptors_are_closed_whatever_happens(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    before = open_descriptors()
    with checked_outputs(tmp_path, declared("a"), max_bytes=GIB, max_files=1):
        pass
    refusal(tmp_path, declared("a", "missing"))
    assert open_descriptors() == before


def test_that_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    out = tmp_path / "out"
    out.mkdir()
    (out / "a").symlink_to(tmp_path / "secret")
    assert "expected a regular file" in refusal(out, declared("a"))


def test_that_a_link_to_a_file_beside_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").symlink_to("a")
    assert "output 'b': expected a regular file" in refusal(tmp_path, declared("a", "b"))


def test_that_a_folder_which_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    assert "expected a folder in REGEN_OUT_DIR" in refusal(tmp_path / "out", declared("a"))


def test_that_a_file_with_a_second_name_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a").write_bytes(b"x")
    (tmp_path / "second").hardlink_to(out / "a")
    assert "expected a file with one name, got 2 names" in refusal(out, declared("a"))


def test_that_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    assert "expected a regular file, got prw" in refusal(tmp_path, declared("a"))


def test_that_a_socket_is_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "a"))
        assert "expected a regular file" in refusal(tmp_path, declared("a"))


@pytest.mark.parametrize(("kind", "device"), [(stat.S_IFCHR, (1, 3)), (stat.S_IFBLK, (7, 0))], ids=["character", "block"])
def test_that_a_device_node_is_refused_or_cannot_be_made(tmp_path: Path, kind: int, device: tuple[int, int]) -> None:
    """Only CAP_MKNOD makes one; the sandbox refuses it whatever the process may (tests/e2e/test_hostile.py)."""
    try:
        os.mknod(tmp_path / "a", kind | 0o666, os.makedev(*device))
    except PermissionError:
        assert "got none" in refusal(tmp_path, declared("a"))
    else:
        assert "expected a regular file" in refusal(tmp_path, declared("a"))


def test_that_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert "expected a regular file, got d" in refusal(tmp_path, declared("a"))


@pytest.mark.parametrize("name", ["extra", ".hidden", "manifest.json", "new\nline"])
def test_that_what_was_not_declared_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / name).write_bytes(b"x")
    assert refusal(tmp_path, declared("a")) == f"output {name!a}: expected nothing beside the declared artifacts, got it"


def test_that_a_name_of_no_characters_that_json_knows_can_be_reported(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / os.fsdecode(b"\xff")).write_bytes(b"x")
    refusal(tmp_path, declared("a")).encode("ascii")


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "/etc/passwd", "a/b", ".a", "manifest.json", "a b", "a\0b", "x" * 129])
def test_that_a_bad_name_is_refused(tmp_path: Path, name: str) -> None:
    assert "expected a name of 1 to 128 letters" in refusal(tmp_path, declared(name))


@pytest.mark.parametrize(
    "media_type", ["", "text", "text/plain\r\nx-amz-acl: public-read", "text/" + "x" * 300, "té/xt", "a/b;"]
)
def test_that_a_bad_media_type_is_refused(tmp_path: Path, media_type: str) -> None:
    (tmp_path / "a").write_bytes(b"x")
    assert "expected a media type such as text/csv" in refusal(tmp_path, declared("a", media_type=media_type))


def test_that_a_media_type_may_have_parameters(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    artifacts = declared("a", media_type="text/html; charset=utf-8")
    with checked_outputs(tmp_path, artifacts, max_bytes=GIB, max_files=1) as checked:
        assert checked[0].media_type == "text/html; charset=utf-8"


def test_that_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "output 'a': expected the declared file, got none" in refusal(tmp_path, declared("a"))


def test_that_a_name_declared_twice_is_refused(tmp_path: Path) -> None:
    assert "expected each artifact once, got it twice" in refusal(tmp_path, declared("a", "a"))


@pytest.mark.parametrize("count", [0, 3])
def test_that_too_few_and_too_many_are_refused(tmp_path: Path, count: int) -> None:
    message = refusal(tmp_path, declared(*(f"a{number}" for number in range(count))), max_files=2)
    assert message == f"outputs: expected 1 to 2 artifacts, got {count}"


def test_that_a_sparse_file_is_refused_by_its_size_without_reading_it(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.truncate(1 << 40)
    assert "expected at most 1073741824 bytes in all artifacts" in refusal(tmp_path, declared("a"))


def test_that_sizes_add_up(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"xx")
    with checked_outputs(tmp_path, declared("a", "b"), max_bytes=4, max_files=2) as checked:
        assert len(checked) == 2
    assert "output 'b': expected at most 3 bytes in all artifacts" in refusal(tmp_path, declared("a", "b"), max_bytes=3)


def test_that_a_kernel_without_openat2_still_follows_no_link(tmp_path: Path, mocker: MockerFixture) -> None:
    library = mocker.Mock()
    library.syscall.return_value = -1
    mocker.patch("regen_runner.publish.outputs.ctypes.CDLL", return_value=library)
    mocker.patch("regen_runner.publish.outputs.ctypes.get_errno", return_value=errno.ENOSYS)
    (tmp_path / "a").write_bytes(b"x")
    with checked_outputs(tmp_path, declared("a"), max_bytes=1, max_files=1) as checked:
        assert checked[0].open().read() == b"x"
    (tmp_path / "b").symlink_to("a")
    assert "output 'b': expected a regular file" in refusal(tmp_path, declared("a", "b"))
