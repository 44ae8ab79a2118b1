"""The chart as Helm renders it, with the real Helm as a library; nothing is mocked and no cluster is asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import helm_python
import yaml

from regen_operator.launch.classes import Classes, parse_classes

if TYPE_CHECKING:
    from collections.abc import Mapping

CHART = Path(__file__).parents[2] / "charts" / "regen"
RELEASE, NAMESPACE = "regen", "regen"
REQUIRED: dict[str, Any] = {
    "runner": {"outputUrl": "s3://regen/outputs"},
    "network": {"database": {"cidrs": ["10.0.3.7/32"]}, "store": {"cidrs": ["10.0.4.0/24"]}},
}
"""What has no default: where outputs go, and which addresses pods may reach."""

Json = dict[str, Any]


def merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> Json:
    """``base`` with ``more`` laid over it, mappings key by key."""
    both = dict(base)
    for key, value in more.items():
        both[key] = merged(both[key], value) if isinstance(value, dict) and isinstance(both.get(key), dict) else value
    return both


def texts(values: Mapping[str, Any] | None = None, *, namespace: str = NAMESPACE) -> dict[str, str]:
    """Template name → what it renders to, with ``values`` on top of those that have no default.

    Raises:
        helm_python.HelmError: a value is refused by the schema or by a template.
    """
    given = merged(REQUIRED, values or {})
    with helm_python.Config(namespace=namespace) as config, helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(chart.merge_values(given))
        rendered = config.render(chart, given, name=RELEASE, namespace=namespace)
    return {Path(name).name: text for name, text in sorted(rendered.items())}


def objects(values: Mapping[str, Any] | None = None, *, namespace: str = NAMESPACE) -> list[Json]:
    """Every object that an install makes, hooks included."""
    rendered = texts(values, namespace=namespace)
    found = [
        document
        for name, text in rendered.items()
        if name.endswith(".yaml")
        for document in yaml.safe_load_all(text)
        if document is not None
    ]
    return sorted(found, key=lambda one: (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]))


def find(found: list[Json], kind: str, name: str, namespace: str | None = None) -> Json:
    """The one object of this kind and name."""
    [one] = [
        one
        for one in found
        if (one["kind"], one["metadata"]["name"]) == (kind, name) and namespace in {None, one["metadata"].get("namespace")}
    ]
    return one


def classes_of(found: list[Json]) -> Classes:
    """The classes as the operator reads them from the chart's ConfigMap."""
    return parse_classes(yaml.safe_load(find(found, "ConfigMap", "regen-classes")["data"]["classes.yaml"]))
