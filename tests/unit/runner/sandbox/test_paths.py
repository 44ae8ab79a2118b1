"""Which paths does a run's sandbox open?"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from regen_runner.execute.sandbox import landlock, paths

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def opened(root: Path, *, egress: bool = False) -> dict[str, int]:
    for name in ("in", "out", "tmp", "result"):
        (root / name).mkdir(exist_ok=True)
    folders = {name: str(root / name) for name in ("in", "out", "tmp", "result")}
    grants = paths.grants((folders["in"],), (folders["out"], folders["tmp"]), (folders["result"],), egress=egress)
    return {grant.path: grant.rights for grant in grants}


def test_the_run_gets_its_own_folders_and_not_the_result(tmp_path: Path) -> None:
    rules = opened(tmp_path)
    assert rules[str(tmp_path / "in")] == landlock.READ
    assert rules[str(tmp_path / "out")] == landlock.WRITE
    assert rules[str(tmp_path / "tmp")] == landlock.SCRATCH
    assert not any(paths.covers(path, str(tmp_path / "result")) for path in rules)


def test_only_the_runs_folders_and_dev_null_can_be_written(tmp_path: Path) -> None:
    writable = {path for path, rights in opened(tmp_path).items() if rights & landlock.WRITE_FILE}
    assert writable == {str(tmp_path / "out"), str(tmp_path / "tmp"), "/dev/null"}


def test_every_import_folder_is_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "elsewhere" / "lib"
    folder.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(folder))
    rules = opened(tmp_path)
    assert rules[str(folder)] == landlock.READ_AND_RUN
    assert rules[os.path.realpath(sys.base_prefix)] == landlock.READ_AND_RUN


def test_an_import_folder_that_holds_the_run_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for entry in (str(tmp_path), str(tmp_path / "result"), "/", "", "."):
        monkeypatch.setattr(sys, "path", [entry, *sys.path])
    monkeypatch.chdir(tmp_path)
    rules = opened(tmp_path)
    assert str(tmp_path) not in rules
    assert str(tmp_path / "result") not in rules
    assert "/" not in rules


def test_a_link_does_not_hide_what_it_covers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    run.mkdir()
    link = tmp_path / "link"
    link.symlink_to(run)
    monkeypatch.setattr(sys, "path", [str(link), *sys.path])
    assert not {str(link), str(run)} & set(opened(run))


def test_only_egress_needs_names_and_certificates(tmp_path: Path) -> None:
    more = set(opened(tmp_path, egress=True)) - set(opened(tmp_path))
    assert "/etc/resolv.conf" in more
    assert all(path.startswith("/etc/") for path in more)


def test_neither_proc_nor_users_nor_all_of_etc_is_opened(tmp_path: Path) -> None:
    for egress in (False, True):
        rules = opened(tmp_path, egress=egress)
        for secret in (
            "/proc/1/environ",
            "/etc/passwd",
            "/etc/shadow",
            "/sys/kernel",
            "/var/run/secrets",
            "/run",
            "/dev/shm/x",
        ):
            assert not any(paths.covers(path, secret) for path in rules)


def test_covering_is_by_whole_names() -> None:
    assert paths.covers("/a/b", "/a/b/c")
    assert paths.covers("/a/b", "/a/b")
    assert paths.covers("/", "/a")
    assert not paths.covers("/a/b", "/a/bc")
    assert not paths.covers("/a/b/c", "/a/b")
