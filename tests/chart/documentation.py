"""Writes what is made of values.yaml and of the operator's model: README.md's table and values.schema.json.

``python -m tests.chart.documentation`` writes both; the tests compare them with what is there.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from regen_operator.launch.classes import ExecutorClass, Runner
from tests.chart.rendering import CHART

Json = dict[str, Any]

README, SCHEMA, VALUES = CHART / "README.md", CHART / "values.schema.json", CHART / "values.yaml"
MARK = "<!-- values -->"
NAMESPACED = ("namespace", "createNamespace", "quota", "largestContainer")
"""Values of ``runner`` that are the namespace's, not the pods'."""
COMMENT = re.compile(r"^ *# ([A-Za-z.]+) -- (.+)$", re.MULTILINE)
STRING, BOOLEAN, MAP, LIST, OBJECTS = (
    {"type": "string", "minLength": 1},
    {"type": "boolean"},
    {"type": "object", "additionalProperties": {"type": "string"}},
    {"type": "array", "items": {"type": "string", "minLength": 1}},
    {"type": "array", "items": {"type": "object"}},
)
TEXT_OR_NULL: Json = {"type": ["string", "null"], "minLength": 1}
OBJECT_OR_NULL: Json = {"type": ["object", "null"]}
NAMESPACE: Json = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}
CIDRS: Json = {"type": "array", "items": {"type": "string", "pattern": "^[0-9a-fA-F:.]+/[0-9]{1,3}$"}}
PORTS: Json = {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 1, "maximum": 65535}}
PULL: Json = {"enum": ["Always", "IfNotPresent", "Never"]}
RESERVED = ("DATABASE_URL", "DATABASE_LISTEN_URL", "NAMESPACE", "RUNNER_NAMESPACE", "CLUSTER_NAME", "CR_NAMESPACES")
"""Settings that have values of their own; with IDENTITY, CLASSES_FILE and HEALTH_PORT, which the chart sets."""


def seconds(least: int = 1) -> Json:
    return {"type": "integer", "minimum": least, "maximum": 86_400}


def _closed(**properties: Json) -> Json:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _secret() -> Json:
    return {**_closed(name=STRING, key=STRING), "required": ["name", "key"]}


def _operator() -> Json:
    taken = "|".join((*RESERVED, "IDENTITY", "CLASSES_FILE", "HEALTH_PORT"))
    env = {
        "type": "object",
        "propertyNames": {"pattern": r"^REGEN_[A-Z0-9_]+$", "not": {"pattern": rf"^REGEN_({taken})$"}},
        "additionalProperties": {"type": ["string", "number", "boolean"]},
    }
    return _closed(
        replicas={"type": "integer", "minimum": 1, "maximum": 10},
        image=STRING,
        imagePullPolicy=PULL,
        imagePullSecrets=LIST,
        databaseSecret=_secret(),
        listenSecret={"oneOf": [{"type": "null"}, _secret()]},
        crNamespaces={"type": "array", "uniqueItems": True, "items": NAMESPACE},
        env=env,
        resources={"type": "object"},
        priorityClassName=TEXT_OR_NULL,
        nodeSelector=MAP,
        tolerations=OBJECTS,
        spreadOver=STRING,
        maxUnavailable={"type": "integer", "minimum": 1},
        dnsPolicy={"enum": [None, "ClusterFirst", "Default", "None"]},
        dnsConfig=OBJECT_OR_NULL,
        hostAliases=OBJECTS,
    )


def _network() -> Json:
    peer = _closed(cidrs=CIDRS, ports=PORTS)
    return _closed(
        enabled=BOOLEAN,
        database=peer,
        store=peer,
        sources=peer,
        apiServer=peer,
        dns=_closed(namespace=NAMESPACE, podLabels=MAP),
        openEgress=_closed(cidrs=CIDRS, **{"except": CIDRS}),
    )


def as_default(value: Any) -> Json:
    """The schema of a value that is told by its default alone; null may become anything."""
    if isinstance(value, dict):
        return _closed(**{key: as_default(one) for key, one in value.items()}) if value else {"type": "object"}
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return {"type": kinds[type(value)]} if value is not None else {}


def schema() -> Json:
    """values.schema.json: pods as the operator's own model has them, the rest by hand or as the defaults are.

    An unknown key is an error everywhere.
    """
    runner = Runner.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
    executor_class = ExecutorClass.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
    definitions = {**runner.pop("$defs"), **executor_class.pop("$defs"), "ExecutorClass": executor_class}
    quantities = {"type": "object", "additionalProperties": {"type": ["string", "integer"]}}
    runner["properties"] |= {
        "namespace": NAMESPACE,
        "createNamespace": BOOLEAN,
        "quota": quantities,
        "largestContainer": quantities,
        # empty in the defaults, so that the message of a template says what is expected
        "outputUrl": {"type": "string", "pattern": "^(|(s3|file)://.+)$"},
    }
    sections = {
        "crd": _closed(install=BOOLEAN),
        "clusterName": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,63}$"},
        "requireDigests": BOOLEAN,
        "operator": _operator(),
        "migrate": _closed(
            enabled=BOOLEAN,
            databaseSecret=_secret(),
            createRoles=BOOLEAN,
            rolePrefix={"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"},
            lockTimeoutSeconds={"type": "number", "exclusiveMinimum": 0, "maximum": 86_400},
            maxInstructionBytes={"type": "integer", "minimum": 65_536, "maximum": 67_108_864},
            deadlineSeconds=seconds(),
        ),
        "runner": runner,
        "network": _network(),
        "admission": _closed(
            enabled=BOOLEAN,
            jobController=STRING,
            previousImages=LIST,
            actions={"type": "array", "minItems": 1, "uniqueItems": True, "items": {"enum": ["Deny", "Warn", "Audit"]}},
        ),
        "monitoring": _closed(
            scrapeFrom=OBJECTS,
            serviceMonitor=_closed(enabled=BOOLEAN, labels=MAP, interval={"type": "string", "pattern": "^[1-9][0-9]*(s|m)$"}),
            rules=_closed(enabled=BOOLEAN, labels=MAP, runbookUrl=STRING),
            dashboard=_closed(enabled=BOOLEAN, labels=MAP),
        ),
        "classes": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": "^[a-z]([a-z0-9_]{0,61}[a-z0-9])?$"},
            "additionalProperties": {"$ref": "#/$defs/ExecutorClass"},
        },
        # what Helm itself adds
        "global": {"type": "object"},
    }
    defaults = yaml.safe_load(VALUES.read_text(encoding="utf-8"))
    sections |= {name: as_default(value) for name, value in defaults.items() if name not in sections}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "properties": sections,
        "$defs": definitions,
    }


def leaves(values: Json, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """Dotted name → default, of every value that has a comment of its own."""
    told = {name for name, _ in COMMENT.findall(VALUES.read_text(encoding="utf-8"))}
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = ".".join((*path, key))
        if name not in told and isinstance(value, dict) and value:
            found |= leaves(value, (*path, key))
        else:
            found[name] = value
    return found


def table() -> str:
    """The values as a Markdown table, made of the comments of values.yaml."""
    text = VALUES.read_text(encoding="utf-8")
    defaults = leaves(yaml.safe_load(text))
    rows = ["| Value | Default | What it is for |", "|---|---|---|"]
    for name, why in COMMENT.findall(text):
        default = json.dumps(defaults[name], ensure_ascii=False)
        rows.append(f"| `{name}` | `{default}` | {why} |")
    return "\n".join(rows)


def readme(text: str) -> str:
    """README.md's text with the table of today between its marks."""
    before, _, rest = text.partition(MARK)
    return f"{before}{MARK}\n\n{table()}\n\n{MARK}{rest.partition(MARK)[2]}"


def schema_text() -> str:
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    README.write_text(readme(README.read_text(encoding="utf-8")), encoding="utf-8")
    SCHEMA.write_text(schema_text(), encoding="utf-8")
