"""What a run of the tests could not prove on this machine, and the command that would prove it.

Tests that need a program beside Python get its path from ``program``. The plugin half prints the last line of ``make test``.
"""

from __future__ import annotations

import shutil
from typing import Any

import pytest

PREFIX = "not proven here: "
DEBIAN_PACKAGES = {"chromium": "chromium", "kubectl": "kubectl", "prometheus": "prometheus", "promtool": "prometheus"}
"""Program to the Debian package that has it; ``.ci/run`` installs these packages."""
ELSEWHERE = {
    "KUBECONFIG": "KUBECONFIG=… make cluster-test",
    "REGEN_TEST_BASE": "REGEN_TEST_BASE=<base image> make test ARGS=tests/images",
    "exhaustive": "make faults",
}
"""A word of a skip's reason to the command that runs such tests."""
_REASONS = pytest.StashKey[set[str]]()


def missing(name: str) -> str:
    """The reason to skip a test that needs this program."""
    return f"{PREFIX}{name} is not on PATH (Debian's package {DEBIAN_PACKAGES[name]})"


def program(name: str) -> str:
    """The path of a program; skips the test where there is none."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(missing(name))
    return path


def last_line(reasons: set[str]) -> str:
    """One line: what was not proven, and the commands that would prove it."""
    packages = sorted({package for name, package in DEBIAN_PACKAGES.items() if missing(name) in reasons})
    rest = reasons - {missing(name) for name in DEBIAN_PACKAGES}
    told = [f"{', '.join(packages)} (run: sudo apt-get install -y {' '.join(packages)} && make test)"] if packages else []
    for word, command in ELSEWHERE.items():
        if any(word in reason for reason in rest):
            told.append(f"what needs {word} (run: {command})")
            rest = {reason for reason in rest if word not in reason}
    told.extend(sorted(reason.removeprefix(PREFIX) for reason in rest))
    told.append("a real cluster and every crash point (run: KUBECONFIG=… make cluster-test, make faults)")
    return f"Not proven by this run: {'; '.join(told)}."


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Keeps the reasons of all skipped tests; with xdist this process has every worker's reports."""
    reports = terminalreporter.stats.get("skipped", [])
    told = {report.longrepr[2].removeprefix("Skipped: ") for report in reports if isinstance(report.longrepr, tuple)}
    config.stash[_REASONS] = {reason for reason in told if reason.startswith(PREFIX)}


def pytest_unconfigure(config: pytest.Config) -> None:
    """Prints the line below pytest's own last one."""
    if _REASONS in config.stash and config.getoption("not_proven", default=False):
        print(last_line(config.stash[_REASONS]))  # noqa: T201 # after the terminal reporter's end


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--not-proven``: given by ``make test``, so that other runs keep pytest's own last line."""
    parser.addoption("--not-proven", action="store_true", help="say in the last line what this run could not prove")
