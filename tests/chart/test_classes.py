"""Does the operator read from the chart's ConfigMap what the values say, and are the values' defaults the operator's?"""

from __future__ import annotations

from typing import Any

import yaml

from regen_operator.launch.classes import ExecutorClass, Runner
from tests.chart.documentation import NAMESPACED, VALUES
from tests.chart.rendering import classes_of, objects


def test_the_defaults_are_the_operators() -> None:
    defaults = yaml.safe_load(VALUES.read_text(encoding="utf-8"))["runner"]
    given = {key: value for key, value in defaults.items() if key not in NAMESPACED}
    fields = {field.alias: field for field in Runner.model_fields.values()}
    assert set(given) == set(fields)
    own = {alias: field.get_default(call_default_factory=True) for alias, field in fields.items() if not field.is_required()}
    assert {alias: given[alias] for alias in own} == own


def test_every_key_of_a_class_reaches_the_operator() -> None:
    given: dict[str, Any] = {
        "timeLimitSeconds": 61,
        "image": "mine:1",
        "cpu": "1",
        "cpuLimit": "2",
        "memory": "2Gi",
        "ephemeralStorage": "8Gi",
        "inputSize": "2Gi",
        "outputSize": "3Gi",
        "tmpSize": "4Gi",
        "maxMemoryBytes": 1 << 30,
        "maxOutputBytes": 5 << 30,
        "egress": "open",
        "subprocesses": True,
        "sandbox": "best-effort",
        "runtimeClassName": "gvisor",
        "priorityClassName": "urgent",
        "nodeSelector": {"pool": "runs"},
        "tolerations": [{"key": "dedicated", "operator": "Exists", "tolerationSeconds": 5}],
        "env": {"EXECUTOR_MODEL": "small"},
        "secretEnv": {"EXECUTOR_KEY": {"name": "provider", "key": "token"}},
    }
    assert set(given) == {field.alias for field in ExecutorClass.model_fields.values()}
    read = classes_of(objects({"classes": {"special": given}}))
    assert read.by_type["special"].model_dump(by_alias=True) == given
    assert read.types == ["asset", "document", "export", "plan_regeneration", "special"]
