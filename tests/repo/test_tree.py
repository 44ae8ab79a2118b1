"""Does the tree keep the rules that no other tool checks?"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN_MODULES = {"utils.py", "helpers.py", "common.py", "manager.py"}
HOSTS = ("py" + "pi.org", "python" + "hosted", "registry.n" + "pmjs", "deb.deb" + "ian.org")


def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=30)
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_package_shadows_the_standard_library() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_every_test_folder_is_a_package() -> None:
    folders = {path.parent for path in tracked() if path.match("tests/**/test_*.py")}
    assert folders, "no tests found: this test would check nothing"
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [path for path in tracked() if path.name in FORBIDDEN_MODULES] == []


@pytest.mark.parametrize("folder", ["libs", "operator", "runner", "executors", "cli", "tools", "api"])
def test_modules_stay_small(folder: str) -> None:
    modules = [path for path in tracked() if path.suffix == ".py" and path.is_relative_to(ROOT / folder)]
    assert modules
    assert {path.name: lines for path in modules if (lines := len(path.read_text().splitlines())) > 500} == {}


def test_no_file_names_a_package_registry() -> None:
    named = [path for path in tracked() if any(host in path.read_text(errors="ignore") for host in HOSTS)]
    assert named == []


def test_requirements_are_pinned_by_hash_and_carry_no_url() -> None:
    files = sorted((ROOT / "requirements").glob("*.txt"))
    assert {path.stem for path in files} >= {"build", "dev", "operator", "runner", "api"}
    for path in files:
        text = path.read_text()
        pins = re.findall(r"^[a-z0-9][\w.\[\]-]*==\S+", text, flags=re.MULTILINE | re.IGNORECASE)
        assert pins, path
        assert "http" not in re.sub(r"^(aiohttp|httpcore|httpx)\S*==.*$", "", text, flags=re.MULTILINE), path
        assert text.count("--hash=sha256:") >= len(pins), path


@pytest.mark.parametrize("part", ["operator", "runner", "api"])
def test_images_install_requirements_before_any_source(part: str) -> None:
    lines = (ROOT / f"Dockerfile.{part}").read_text().splitlines()
    install = next(number for number, line in enumerate(lines) if "--require-hashes" in line)
    sources = [number for number, line in enumerate(lines) if line.startswith("COPY libs")]
    assert sources
    assert min(sources) > install
    assert "USER 65532:65532" in lines
    assert any("PYTHONSAFEPATH=1" in line for line in lines)


def test_every_make_target_is_in_help() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", text, flags=re.MULTILINE)
    assert phony is not None
    documented = set(re.findall(r"^([a-z-]+):.*## ", text, flags=re.MULTILINE))
    assert set(phony.group(1).split()) == documented
