"""Does ``regen output`` give exactly the bytes that the database vouches for, or nothing?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.cli.command import PROGRAM
from tests.integration.cli.conftest import FILES

if TYPE_CHECKING:
    from tests.integration.cli.conftest import World


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where downloads go."""
    made = tmp_path / "downloads"
    made.mkdir()
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_all_outputs(stored: World, folder: Path) -> None:
    stored.completed("j")
    done = stored.regen("output", "j", "-d", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(folder) == FILES
    assert [line.split()[0] for line in done.stdout.splitlines()] == [str(folder / name) for name in FILES]


def test_one_output_under_another_name(stored: World, folder: Path) -> None:
    stored.completed("j")
    assert stored.regen("output", "j", "b.txt", "--to", str(folder / "x")).returncode == 0
    assert contents(folder) == {"x": FILES["b.txt"]}


def test_one_output_to_standard_output(stored: World) -> None:
    stored.completed("j")
    assert stored.regen("output", "j", "a.txt", "--to", "-").stdout.encode() == FILES["a.txt"]


def test_a_file_that_is_there_is_never_overwritten(either: World, folder: Path) -> None:
    either.completed("j")
    (folder / "b.txt").write_bytes(b"mine")
    done = either.regen("output", "j", "-d", str(folder))
    assert done.returncode == 1
    assert "b.txt already exists. Nothing was overwritten." in done.stderr
    assert contents(folder) == {"b.txt": b"mine"}


def test_a_link_to_nowhere_is_no_free_name(either: World, folder: Path) -> None:
    either.completed("j")
    (folder / "a.txt").symlink_to("/nowhere")
    assert either.regen("output", "j", "a.txt", "-d", str(folder)).returncode == 1
    assert not Path("/nowhere").exists()


@pytest.mark.parametrize("content", [b"", b"the first", b"the first file!", b"the first file\nand more"])
def test_other_bytes_get_no_name(either: World, folder: Path, content: bytes) -> None:
    either.completed("j")
    stored = Path(either.output_url.removeprefix("file://"), "document/j/a.txt")
    stored.chmod(0o644)
    stored.write_bytes(content)
    done = either.regen("output", "j", "a.txt", "-d", str(folder))
    assert done.returncode == 5
    if either.api_url is None:
        assert "but the database recorded 15 bytes with SHA-256" in done.stderr
    else:
        assert "published" in done.stderr
    assert contents(folder) == {}
    assert either.regen("output", "j", "a.txt", "--to", "-").stdout == ""


def test_an_object_that_is_gone(either: World, folder: Path) -> None:
    either.completed("j")
    Path(either.output_url.removeprefix("file://"), "document/j/a.txt").unlink()
    done = either.regen("output", "j", "a.txt", "-d", str(folder))
    assert (done.returncode, contents(folder)) == (5, {})
    said = "expected an object at file://" if either.api_url is None else "the store does not have this output"
    assert said in done.stderr


@pytest.mark.parametrize("stored", ["s3"], indirect=True)
def test_a_store_that_does_not_answer(stored: World, folder: Path) -> None:
    stored.completed("j")
    done = stored.regen("output", "j", "-d", str(folder), AWS_ENDPOINT_URL_S3="http://127.0.0.1:1")
    assert (done.returncode, contents(folder)) == (7, {})
    assert done.stderr.startswith("regen: store: expected an answer for s3://")
    assert done.stderr.endswith("got EndpointConnectionError\n")


@pytest.mark.parametrize("stored", ["s3"], indirect=True)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"AWS_ENDPOINT_URL_S3": "ada:hunter2@minio:9000"}, "regen: AWS_ENDPOINT_URL_S3: expected a URL"),
        ({"AWS_ENDPOINT_URL_S3": "http://ada:hunter2@127.0.0.1:1"}, "regen: AWS_ENDPOINT_URL_S3: expected a URL"),
        ({"AWS_ENDPOINT_URL_S3": "http://hunter2 of ours"}, "regen: AWS_ENDPOINT_URL_S3: expected a URL"),
        ({"AWS_SESSION_TOKEN": "hunter2\n"}, "regen: AWS_SESSION_TOKEN: expected printable characters"),
        ({"AWS_ACCESS_KEY_ID": ""}, "regen: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: expected both or neither"),
        ({"AWS_PROFILE": "hunter2"}, "regen: AWS_*: expected a usable configuration of the S3 client, got ProfileNotFound"),
    ],
)
def test_a_wrong_setting_of_the_store_is_named(stored: World, folder: Path, wrong: dict[str, str], message: str) -> None:
    stored.completed("j")
    done = stored.regen("output", "j", "-d", str(folder), **wrong)
    assert (done.returncode, contents(folder)) == (2, {})
    assert done.stderr.startswith(message)
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("stored", ["s3"], indirect=True)
def test_a_store_that_refuses(stored: World, folder: Path) -> None:
    stored.completed("j")
    done = stored.regen("output", "j", "-d", str(folder), AWS_SECRET_ACCESS_KEY="another")
    assert (done.returncode, contents(folder)) == (1, {})
    assert "got 403" in done.stderr
    assert "another" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("j", "c.txt"), 3, "has no output c.txt. Its outputs: a.txt, b.txt"),
        (("j", "--to", "x"), 2, "--to requires the NAME of one output"),
        (("j", "a.txt", "--to", "/nowhere/x"), 1, "cannot write /nowhere/x: "),
        (("f",), 3, "is FAILED. Only COMPLETED jobs have outputs"),
    ],
)
def test_what_is_wrong_is_named(either: World, arguments: tuple[str, ...], status: int, message: str) -> None:
    either.completed("j")
    either.failed("f")
    done = either.regen("output", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr


def test_without_botocore_files_are_read_and_s3_is_refused_in_words(world: World, folder: Path) -> None:
    world.completed("j")
    program = f"import sys; sys.modules['botocore'] = None; {PROGRAM}"

    def output() -> tuple[int, str]:
        with world.regen.started("output", "j", "a.txt", "-d", str(folder), program=program) as process:
            _, stderr = process.communicate(timeout=60)
        return process.returncode, stderr

    assert output() == (0, "")
    world.behind_the_guards("""UPDATE "RegenerationOutput" SET ref = 's3://bucket/' || name""")
    (folder / "a.txt").unlink()
    status, stderr = output()
    assert status == 2
    assert "expected botocore to be installed" in stderr
