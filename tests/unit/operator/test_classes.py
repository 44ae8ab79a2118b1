"""Is the classes file read strictly, and does every message name the key?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from regen_core.errors import SettingsInvalid
from regen_operator.launch.classes import ExecutorClass, Runner, load_classes, parse_classes
from tests.unit.operator.values import classes

RUNNER = {
    "image": "runner:1",
    "outputUrl": "s3://regen/outputs",
    "databaseSecret": {"name": "db", "key": "url"},
    "storeSecret": "store",
}
GOOD = {"timeLimitSeconds": 60}
OPEN = {**GOOD, "egress": "open"}


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"runner": RUNNER, "classes": {"document": {**GOOD, "memroy": "1Gi"}}}, "classes.document.memroy: unknown key"),
        ({"runner": {**RUNNER, "time_limit": 1}, "classes": {"document": GOOD}}, "runner.time_limit: unknown key"),
        ({"runner": RUNNER, "classes": {"document": {}}}, "classes.document.timeLimitSeconds"),
        ({"runner": RUNNER, "classes": {"document": {"timeLimitSeconds": "60"}}}, "classes.document.timeLimitSeconds"),
        ({"runner": RUNNER, "classes": {"document": {**GOOD, "memory": "lots"}}}, "classes.document.memory"),
        ({"runner": RUNNER, "classes": {"document": {**GOOD, "egress": "all"}}}, "classes.document.egress"),
        ({"runner": RUNNER, "classes": {"document": {**GOOD, "env": {"EXECUTOR_A": "1"}}}}, "classes.document: Value error"),
        (
            {"runner": RUNNER, "classes": {"document": {**GOOD, "secretEnv": {"EXECUTOR_A": {"name": "s", "key": "k"}}}}},
            "classes.document: Value error, env and secretEnv need egress: open",
        ),
        ({"runner": RUNNER, "classes": {"document": {**OPEN, "env": {"REGEN_SANDBOX": "x"}}}}, "classes.document.env"),
        ({"runner": RUNNER, "classes": {"document": {**OPEN, "env": {"LD_PRELOAD": "x"}}}}, "classes.document.env"),
        ({"runner": RUNNER, "classes": {"document": {**OPEN, "env": {"EXECUTOR_A": 1}}}}, "classes.document.env.EXECUTOR_A"),
        (
            {"runner": RUNNER, "classes": {"document": {**OPEN, "env": {"EXECUTOR_A_PORT": "1"}}}},
            "classes.document: Value error, EXECUTOR_A_PORT is named like",
        ),
        (
            {"runner": RUNNER, "classes": {"document": {**OPEN, "secretEnv": {"EXECUTOR_A": {"name": "s"}}}}},
            "classes.document.secretEnv.EXECUTOR_A.key",
        ),
        (
            {
                "runner": RUNNER,
                "classes": {
                    "document": {**OPEN, "env": {"EXECUTOR_A": "1"}, "secretEnv": {"EXECUTOR_A": {"name": "s", "key": "k"}}}
                },
            },
            "classes.document: Value error, EXECUTOR_A is in both env and secretEnv",
        ),
        ({"runner": RUNNER, "classes": {"Document": GOOD}}, "classes.Document"),
        ({"runner": RUNNER, "classes": {"document_": GOOD}}, "classes.document_"),
        ({"runner": RUNNER, "classes": {}}, "classes"),
        ({"runner": {**RUNNER, "user": 0}, "classes": {"document": GOOD}}, "runner.user"),
        ({"classes": {"document": GOOD}}, "runner"),
        (None, "the file"),
    ],
)
def test_a_wrong_key_is_named(content: Any, named: str) -> None:
    with pytest.raises(SettingsInvalid, match=rf"^REGEN_CLASSES_FILE: {re.escape(named)}"):
        parse_classes(content)


@pytest.mark.parametrize("text", ["a: [", None])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "classes.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsInvalid, match=r"^REGEN_CLASSES_FILE: cannot read"):
        load_classes(path)


def test_the_active_deadline_holds_every_budget() -> None:
    given = classes()
    assert given.active_deadline(given.by_type["document"], 300) == 300 + 120 + 60 + 180


def test_a_cap_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match=r"^REGEN_CAP_TYPES: .*'poem'"):
        classes().require(["poem"], "REGEN_CAP_TYPES")


@pytest.mark.parametrize("model", [Runner, ExecutorClass])
def test_every_key_is_documented(model: type[Runner | ExecutorClass]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
    section = page.split("### `runner`")[1].split("### `classes`")[0 if model is Runner else 1]
    told = {
        key for line in section.splitlines() if line.startswith("| `") for key in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert told == {field.alias for field in model.model_fields.values()}
