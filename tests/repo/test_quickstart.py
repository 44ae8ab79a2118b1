"""Is the quick start what the chart, the definition and the documentation say?"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from regen_core.instruction import parse_instruction
from tests.chart.rendering import find
from tests.chart.rendering import objects as rendered

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "kind"


def objects(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def test_the_script_is_sound_and_explains_itself() -> None:
    script = FOLDER / "quickstart.sh"
    assert subprocess.run(["bash", "-n", script], check=False, timeout=30).returncode == 0
    told = subprocess.run([script, "--help"], check=False, timeout=30, capture_output=True, text=True)
    assert told.returncode == 2
    assert {"down", "job", "CONTEXT"} <= set(told.stdout.replace("=", " ").split())


def test_the_chart_takes_its_values_and_reaches_its_backends() -> None:
    values = yaml.safe_load((FOLDER / "values.yaml").read_text())
    policy = find(rendered(values), "NetworkPolicy", "regen-operator")
    ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule.get("ports", ())}
    served = {port["port"] for one in objects("backends.yaml") if one["kind"] == "Service" for port in one["spec"]["ports"]}
    assert served == {5432, values["network"]["store"]["ports"][0]}
    assert 5432 in ports


def test_the_job_is_an_instruction() -> None:
    [job] = objects("job.yaml")
    instruction = parse_instruction(job["spec"]["instruction"])
    assert instruction.type == job["spec"]["type"]
    assert not job["metadata"]["name"].startswith("regen-")


def test_the_runner_namespace_is_restricted() -> None:
    labels = {one["metadata"]["name"]: one["metadata"].get("labels") for one in objects("namespaces.yaml")}
    assert labels["regen-runs"] == {"pod-security.kubernetes.io/enforce": "restricted"}


def test_every_file_is_documented() -> None:
    page = (ROOT / "docs" / "quick-start-kind.md").read_text()
    assert [path.name for path in sorted(FOLDER.iterdir()) if path.name not in page] == []
