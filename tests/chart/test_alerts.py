"""Does each alert fire on what it means alone, name metrics that exist, and reach the cluster as it was tested?"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from regen_operator.telemetry.metrics import Metrics
from tests.chart.rendering import CHART, find, objects
from tests.not_proven import program
from tests.repo.metrics_reference import exposed_name, families, labels

Json = dict[str, Any]
RULES = CHART / "alerts.yaml"
CASES = Path(__file__).parent / "alerts_test.yaml"
ALERTS: list[Json] = [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
NAMES = [rule["alert"] for rule in ALERTS]
ON = {"monitoring": {"rules": {"enabled": True, "labels": {"release": "x"}, "runbookUrl": "https://books.example/regen/"}}}


def promtool(*arguments: str) -> str:
    done = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_takes_every_rule() -> None:
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", str(RULES))


def test_promtools_unit_tests_hold() -> None:
    assert "SUCCESS" in promtool("test", "rules", str(CASES))


@pytest.mark.parametrize("name", NAMES)
def test_each_alert_is_seen_to_fire_and_to_be_silent(name: str) -> None:
    cases = [one for test in yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"] for one in test["alert_rule_test"]]
    expected = [one["exp_alerts"] for one in cases if one["alertname"] == name]
    assert any(expected), "it never fires"
    quiet = [one for one in expected if not one] or [one for one in expected if 0 < len(one) < 2]
    assert quiet, "it is never silent"


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_an_alert_names_metrics_and_labels_that_exist(rule: Json) -> None:
    known = {exposed_name(one): set(labels(one)) for one in families(Metrics(["document"]))}
    known |= {f"{name}_count": names for name, names in known.items() if name.endswith("_seconds")}
    named = re.findall(r"\b(regen_[a-z_]+)(?:\{([^}]*)\})?", rule["expr"])
    assert named
    for metric, matchers in named:
        assert metric in known
        assert set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", matchers)) <= known[metric]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert {"summary", "description", "runbook_url"} == rule["annotations"].keys()


def test_the_cluster_gets_what_was_tested() -> None:
    made = find(objects(ON), "PrometheusRule", "regen")
    text = RULES.read_text(encoding="utf-8").replace("RUNBOOKS/", "https://books.example/regen/")
    assert made["spec"] == yaml.safe_load(text)
    assert made["metadata"]["labels"]["release"] == "x"


def test_nothing_of_a_prometheus_operator_is_made_unasked() -> None:
    assert {one["kind"] for one in objects()} & {"PrometheusRule", "ServiceMonitor"} == set()
