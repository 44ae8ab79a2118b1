"""Are the artifacts what their names say: a JSON by the published schema, and a PDF that a learner can print?"""

from __future__ import annotations

import json
import re
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
from pypdf import PdfReader

from regen_executors.plan.model import Plan
from tests.unit.executors.plans import GOOD

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT / "executors" / "regen_executors" / "plan" / "plan.schema.json"


def _text(content: bytes) -> str:
    text = "\n".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages)
    return re.sub(r"\s+", " ", text)


def test_the_schema_that_ships_is_that_of_the_models_and_of_the_documentation() -> None:
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Plan.model_json_schema(mode="serialization")}
    assert json.loads(SCHEMA.read_text("utf-8")) == made
    assert (ROOT / "docs" / "plan.schema.json").read_bytes() == SCHEMA.read_bytes()
    jsonschema.Draft202012Validator.check_schema(made)


def test_the_schema_refuses_what_is_no_plan(run: Callable[..., dict[str, bytes]]) -> None:
    plan = json.loads(run("plan_regeneration", GOOD)["plan.json"])
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.validate(plan, schema)
    for change in ({"extra": 1}, {"schedule": []}, {"weeklyHours": 0}, {"schemaVersion": 2}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(plan | change, schema)


def test_the_pdf_says_what_the_json_says(run: Callable[..., dict[str, bytes]]) -> None:
    dates = {"startDate": "2026-01-05T00:00:00Z", "deadlineDate": "2026-01-25T00:00:00Z"}
    made = run("plan_regeneration", GOOD | dates | {"notes": "First.\n\nSecond #panic()."})
    plan, text = json.loads(made["plan.json"]), _text(made["plan.pdf"])
    assert plan["scope"]["reduced"]
    assert plan["scope"]["explanation"] in text
    for module in plan["modules"]:
        assert module["goal"] in text
        for lesson in module["lessons"]:
            assert lesson["check"] in text
    for words in (
        "Python: a learning plan",
        "1 (2026-01-05 to 2026-01-11)",
        "Second #panic().",
        plan["scope"]["omitted"][0]["title"],
    ):
        assert words in text


def test_the_pdf_is_tagged_and_has_no_date(run: Callable[..., dict[str, bytes]]) -> None:
    reader = PdfReader(BytesIO(run("plan_regeneration", GOOD)["plan.pdf"]))
    assert reader.metadata is not None
    assert reader.metadata.title == "Python: a learning plan"
    assert not {"/CreationDate", "/ModDate"} & set(reader.metadata)


@pytest.mark.parametrize("topic", ["日本語で機械学習を学ぶ", "beekeeping 🐝", "한국어 배우기", "تعلم النجارة", "हिन्दी सीखें"])
def test_topics_in_any_script_are_printed(run: Callable[..., dict[str, bytes]], topic: str) -> None:
    made = run("plan_regeneration", GOOD | {"topic": topic})
    assert json.loads(made["plan.json"])["topic"] == topic
    text = _text(made["plan.pdf"])
    assert "?: a learning plan" not in text
    assert "no font" not in text
    if not re.search("[\u0600-\u06ff\u0900-\u097f]", topic):  # pypdf reads right-to-left and joined letters in another order
        assert topic[1:] in text.replace("\n", "")


def test_characters_that_no_font_has_are_listed(run: Callable[..., dict[str, bytes]]) -> None:
    made = run("plan_regeneration", GOOD | {"topic": "Reading \U00012000 \U00012001"})
    assert "are printed as \ufffd: U+12000 CUNEIFORM SIGN A; U+12001" in _text(made["plan.pdf"]).replace("\n", " ")


def test_any_other_words_are_printed_as_they_are(run: Callable[..., dict[str, bytes]]) -> None:
    made = run("plan_regeneration", GOOD | {"topic": "Ελληνικά и русский, français"})
    assert "Ελληνικά и русский, français" in _text(made["plan.pdf"])
