"""Does a run say what it did not prove, and does ``.ci/run`` install what the tests need?"""

from __future__ import annotations

from pathlib import Path

from tests.not_proven import DEBIAN_PACKAGES, last_line, missing

ROOT = Path(__file__).resolve().parents[2]


def test_a_missing_program_is_named_with_the_command_that_installs_it() -> None:
    line = last_line({missing("chromium"), missing("promtool"), missing("prometheus")})
    assert "chromium, prometheus (run: sudo apt-get install -y chromium prometheus && make test)" in line


def test_other_reasons_are_named_once() -> None:
    line = last_line({"not proven here: KUBECONFIG_CONFORMANCE names no real cluster", "not proven here: no PDF viewer"})
    assert line.count("KUBECONFIG (run: KUBECONFIG=… make cluster-test)") == 1
    assert "no PDF viewer" in line
    assert "\n" not in line


def test_a_full_run_names_the_suites_that_are_not_part_of_it() -> None:
    assert last_line(set()).endswith("(run: KUBECONFIG=… make cluster-test, make faults).")


def test_ci_installs_every_package_that_a_test_needs() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert [package for package in DEBIAN_PACKAGES.values() if package not in script] == []
