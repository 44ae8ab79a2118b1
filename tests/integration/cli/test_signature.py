"""Does ``regen verify --key`` tell the installation's own provenance from every other, with the database and offline?"""

from __future__ import annotations

import base64
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from regen_core.canonical import sha256_hex
from tests.integration.cli.conftest import FILES
from tests.integration.runner.keys import make_key_pair

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.cli.command import Done
    from tests.integration.cli.conftest import World

PROVENANCE, MANIFEST = "provenance.intoto.jsonl", "manifest.json"


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """The installation's key pair."""
    return make_key_pair(tmp_path)


@pytest.fixture
def folder(tmp_path: Path, stored: World, keys: tuple[Path, Path]) -> Path:
    """What ``regen output --evidence`` fetches of a signed job, from each kind of store."""
    made = tmp_path / "evidence"
    made.mkdir()
    stored.completed("j", key=keys[0])
    done = stored.regen("output", "j", "--evidence", "-d", str(made))
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in made.iterdir()} == {*FILES, MANIFEST, PROVENANCE}
    return made


def write(path: Path, content: bytes) -> None:
    if path.exists():
        path.chmod(0o644)
    path.write_bytes(content)


def messages(done: Done) -> list[str]:
    return [one["message"] for one in json.loads(done.stdout)["violations"]]


def test_the_installations_key(stored: World, keys: tuple[Path, Path]) -> None:
    stored.completed("j", key=keys[0])
    unchecked = stored.regen.json("verify", "j")
    checked = stored.regen.json("verify", "j", "--key", str(keys[1]))
    assert (unchecked["signature"], checked["signature"], checked["ok"]) == ("unchecked", "valid", True)
    assert unchecked["keyid"] == checked["keyid"]
    lines = stored.regen("verify", "j").stdout.splitlines()
    assert f"not checked: the signature by key {checked['keyid']} (--key)" in lines
    assert f"ok  signature  by key {checked['keyid']}" in stored.regen("verify", "j", "--key", str(keys[1])).stdout


def test_one_of_several_keys_is_enough(world: World, keys: tuple[Path, Path], tmp_path: Path) -> None:
    world.completed("j", key=keys[0])
    _, other = make_key_pair(tmp_path, "other")
    assert world.regen("verify", "j", "--key", str(other), "--key", str(keys[1])).returncode == 0


def test_another_key(world: World, keys: tuple[Path, Path], tmp_path: Path) -> None:
    world.completed("j", key=keys[0])
    _, other = make_key_pair(tmp_path, "other")
    done = world.regen("verify", "j", "--key", str(other), "-o", "json")
    assert (done.returncode, json.loads(done.stdout)["signature"]) == (5, "invalid")
    assert [one.startswith("signature: the signature, which names key ") for one in messages(done)] == [True]


@pytest.mark.parametrize(("attested", "found"), [(True, "the provenance is not signed"), (False, "there is no provenance")])
def test_a_key_is_asked_for_and_nothing_is_signed(world: World, keys: tuple[Path, Path], *, attested: bool, found: str) -> None:
    world.completed("j", attested=attested)
    assert world.regen("verify", "j").returncode == 0
    done = world.regen("verify", "j", "--key", str(keys[1]), "-o", "json")
    assert (done.returncode, messages(done)) == (5, [f"signature: {found}"])


def test_a_job_of_a_release_without_provenance_is_told_so(world: World) -> None:
    world.completed("j", attested=False)
    assert "no provenance" in world.regen("verify", "j").stdout


def test_the_files_alone(stored: World, folder: Path, keys: tuple[Path, Path]) -> None:
    done = stored.regen("verify", "--offline", str(folder), "--key", str(keys[1]), REGEN_DATABASE_URL="", REGEN_OUTPUT_URL="")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[:2] for line in done.stdout.splitlines()[:5]] == [
        ["ok", "a.txt"], ["ok", "b.txt"], ["ok", "manifest"], ["ok", "provenance"], ["ok", "signature"],
    ]  # fmt: skip
    answer = stored.regen.json("verify", "j", "--offline", str(folder), "--key", str(keys[1]))
    assert (answer["jobId"], answer["ok"], answer["signature"]) == ("j", True, "valid")


def test_the_key_may_lie_beside_the_files(world: World, tmp_path: Path, keys: tuple[Path, Path]) -> None:
    made = tmp_path / "evidence"
    made.mkdir()
    world.completed("j", key=keys[0])
    world.regen("output", "j", "--evidence", "-d", str(made))
    shutil.copy(keys[1], made / "key.pem")
    assert world.regen("verify", "--offline", str(made), "--key", str(made / "key.pem")).returncode == 0


def _manifest(folder: Path, **changes: Any) -> None:
    write(folder / MANIFEST, json.dumps(json.loads((folder / MANIFEST).read_bytes()) | changes).encode())


def _forge(folder: Path, *, private: Path | None = None) -> None:
    """Another artifact, with a manifest and an unsigned provenance that agree with it and with each other."""
    write(folder / "a.txt", b"forged")
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["artifacts"][0] |= {"sha256": sha256_hex(b"forged"), "sizeBytes": 6}
    envelope = json.loads((folder / PROVENANCE).read_bytes())
    found = json.loads(base64.b64decode(envelope["payload"]))
    found["subject"][0] |= {"digest": {"sha256": sha256_hex(b"forged")}, "annotations": {"sizeBytes": 6}}
    envelope["payload"] = base64.b64encode(json.dumps(found).encode()).decode()
    content = json.dumps(envelope).encode()
    manifest["provenance"] |= {"sha256": sha256_hex(content), "sizeBytes": len(content)}
    write(folder / PROVENANCE, content)
    write(folder / MANIFEST, json.dumps(manifest).encode())


def _resign(folder: Path) -> None:
    envelope = json.loads((folder / PROVENANCE).read_bytes())
    envelope["signatures"] = []
    content = json.dumps(envelope).encode()
    write(folder / PROVENANCE, content)
    provenance = {"name": PROVENANCE, "sha256": sha256_hex(content), "sizeBytes": len(content)}
    _manifest(folder, provenance=provenance)


TAMPERINGS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a changed file": (lambda f: write(f / "a.txt", b"other"), "output a.txt has 5 bytes with SHA-256"),
    "a removed file": (lambda f: (f / "b.txt").unlink(), "output b.txt is missing"),
    "a link in a file's place": (
        lambda f: ((f / "b.txt").unlink(), (f / "b.txt").symlink_to(f / "a.txt")),
        "output b.txt is missing",
    ),
    "one more file": (lambda f: write(f / "c.txt", b"c"), "c.txt is not listed in the manifest"),
    "another time in the manifest": (
        lambda f: _manifest(f, finishedAt="2026-01-02T00:00:00Z"),
        "provenance: predicate.runDetails.metadata is ",
    ),
    "another job in the manifest": (lambda f: _manifest(f, jobId="k"), "provenance: predicate.runDetails.metadata is "),
    "an artifact left out of the manifest": (lambda f: _manifest(f, artifacts=[]), "provenance: subject is "),
    "no provenance": (lambda f: (f / PROVENANCE).unlink(), "provenance: provenance.intoto.jsonl is missing"),
    "no provenance and a manifest that names none": (
        lambda f: ((f / PROVENANCE).unlink(), _manifest(f, provenance=None)),
        "signature: there is no provenance",
    ),
    "a manifest that is none": (lambda f: write(f / MANIFEST, b"{}"), "the manifest is not one that publish writes"),
    "a provenance that is none": (lambda f: write(f / PROVENANCE, b"{}"), "not one DSSE envelope"),
    "everything forged but the signature": (_forge, "signature: the signature, which names key "),
    "the signature taken away": (_resign, "signature: the provenance is not signed"),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_a_tampered_folder(world: World, tmp_path: Path, keys: tuple[Path, Path], tampering: str) -> None:
    made = tmp_path / "evidence"
    made.mkdir()
    world.completed("j", key=keys[0])
    world.regen("output", "j", "--evidence", "-d", str(made))
    change, message = TAMPERINGS[tampering]
    change(made)
    done = world.regen("verify", "--offline", str(made), "--key", str(keys[1]), "-o", "json")
    assert done.returncode == 5, done.stderr
    assert any(message in one for one in messages(done)), messages(done)


def test_another_job_than_was_asked_for(world: World, tmp_path: Path, keys: tuple[Path, Path]) -> None:
    made = tmp_path / "evidence"
    made.mkdir()
    world.completed("j", key=keys[0])
    world.regen("output", "j", "--evidence", "-d", str(made))
    done = world.regen("verify", "k", "--offline", str(made), "--key", str(keys[1]), "-o", "json")
    assert (done.returncode, messages(done)) == (5, ["the manifest belongs to job j, not k"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--offline", "{folder}"], (2, "--offline requires --key")),
        (["--offline", "{folder}", "--key", "{public}", "--rerun"], (2, "--offline requires --key and excludes --rerun")),
        (["--offline", "{folder}/nowhere", "--key", "{public}"], (2, "--offline: cannot read the folder")),
        (["--offline", "{folder}", "--key", "{public}"], (3, "has no manifest.json")),
        (["--offline", "{folder}", "--key", "{private}"], (2, "is not a PEM file with an Ed25519 public key")),
        (["j", "--key", "{folder}/nowhere"], (2, "--key: cannot read ")),
        ([], (2, "JOB is missing. Pass a job's id, or --offline FOLDER.")),
    ],
)
def test_a_wrong_question(
    world: World, tmp_path: Path, keys: tuple[Path, Path], arguments: list[str], expected: tuple[int, str]
) -> None:
    made = tmp_path / "empty"
    made.mkdir()
    filled = [one.format(folder=made, private=keys[0], public=keys[1]) for one in arguments]
    done = world.regen("verify", *filled)
    assert (done.returncode, done.stdout) == (expected[0], "")
    assert expected[1] in done.stderr


@pytest.mark.parametrize("more", [["a.txt"], ["a.txt", "--to", "-"]])
def test_evidence_is_about_all_outputs(world: World, more: list[str]) -> None:
    world.completed("j")
    done = world.regen("output", "j", *more, "--evidence")
    assert done.returncode == 2
    assert "--evidence downloads all outputs" in done.stderr
