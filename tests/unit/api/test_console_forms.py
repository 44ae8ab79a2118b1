"""Does a form become the inputs that its executor takes, and does a wrong value get one message at its own field?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest

from regen_api.console.fields import FieldInvalid, parse_json
from regen_api.console.forms import DOCUMENT, EXPORT, FORMS, PLAN, Form, defaults, read_form, read_json, shown
from regen_api.plans.overrides import LearningStyle, Overrides, SkillLevel
from regen_executors.document.inputs import DocumentInputs
from regen_executors.export.inputs import ExportInputs

if TYPE_CHECKING:
    from regen_executors.inputs import StrictInputs


def filled(form: Form, **inputs: str | list[str]) -> dict[str, list[str]]:
    """The form as a browser sends it: what a person typed over the defaults."""
    typed = {f"in.{name}": [value] if isinstance(value, str) else value for name, value in inputs.items()}
    return defaults(form) | typed


def inputs(form: Form, **typed: str | list[str]) -> dict[str, Any]:
    read = read_form(form, filled(form, **typed))
    assert read.errors == {}
    assert read.request is not None
    return read.request.inputs


@pytest.mark.parametrize(("form", "model"), [(DOCUMENT, DocumentInputs), (EXPORT, ExportInputs)])
def test_every_field_is_one_of_the_executors(form: Form, model: type[StrictInputs]) -> None:
    known = {str(field.alias): field for field in model.model_fields.values()}
    assert {field.name for field in form.fields} <= known.keys()
    required = {name for name, field in known.items() if field.is_required()}
    assert required <= {field.name for field in form.fields if field.required}


@pytest.mark.parametrize(
    ("form", "name", "annotation"),
    [
        (DOCUMENT, "formats", DocumentInputs.model_fields["formats"].annotation),
        (DOCUMENT, "paper", DocumentInputs.model_fields["paper"].annotation),
        (EXPORT, "formats", ExportInputs.model_fields["formats"].annotation),
        (PLAN, "skillLevel", SkillLevel),
        (PLAN, "learningStyle", LearningStyle),
    ],
)
def test_choices_are_those_of_the_executor(form: Form, name: str, annotation: Any) -> None:
    field = next(field for field in form.fields if field.name == name)
    inner = get_args(annotation)
    assert set(field.options) == set(get_args(inner[0]) or inner)


def test_the_plans_form_has_what_a_plan_has() -> None:
    assert {field.name for field in PLAN.fields} == set(Overrides.__annotations__)


@pytest.mark.parametrize(
    ("form", "model", "typed"),
    [
        (DOCUMENT, DocumentInputs, {"title": "A page", "markdown": "Hello.\r\nAgain."}),
        (DOCUMENT, DocumentInputs, {"title": "T", "template": "{{ a }}", "data": '{"a": 1}', "toc": "on", "tocDepth": "2"}),
        (EXPORT, ExportInputs, {"rows": '[{"a": 1}]', "formats": ["xlsx", "csv"], "limit": "0", "csvFormulaGuard": "on"}),
        (EXPORT, ExportInputs, {"rows": "[]", "columns": '[{"name": "a"}]', "sort": '[{"column": "a"}]', "sheet": "Q1"}),
    ],
)
def test_what_the_form_takes_the_executor_takes(form: Form, model: type[StrictInputs], typed: dict[str, Any]) -> None:
    given = inputs(form, **typed)
    model.model_validate(given)
    assert shown(form, given) is not None


def test_lines_end_as_they_do_everywhere() -> None:
    assert inputs(DOCUMENT, title="T", markdown="a\r\nb")["markdown"] == "a\nb"


def test_what_is_left_empty_is_not_sent() -> None:
    assert inputs(PLAN, topic="Rust", skillLevel="beginner", weeklyHours="3", learningStyle="video", notes=" ") == {
        "topic": "Rust",
        "skillLevel": "beginner",
        "weeklyHours": 3,
        "learningStyle": "video",
    }


@pytest.mark.parametrize(
    ("form", "typed", "field", "message"),
    [
        (DOCUMENT, {"markdown": "a"}, "in.title", "expected a value"),
        (DOCUMENT, {"title": "T"}, "in.markdown", "expected either Markdown or a template, and not both"),
        (DOCUMENT, {"title": "T", "markdown": "a", "template": "b"}, "in.markdown", "expected either"),
        (DOCUMENT, {"title": "T", "markdown": "a", "data": "{}"}, "in.data", "expected data only together with a template"),
        (DOCUMENT, {"title": "T", "template": "a", "data": "[]"}, "in.data", "expected a JSON object"),
        (DOCUMENT, {"title": "T", "template": "a", "data": "{"}, "in.data", "expected JSON: "),
        (DOCUMENT, {"title": "x" * 501, "markdown": "a"}, "in.title", "expected from 1 to 500 characters"),
        (DOCUMENT, {"title": "a\0b", "markdown": "a"}, "in.title", "expected text without NUL"),
        (DOCUMENT, {"title": "T", "markdown": "a", "formats": []}, "in.formats", "expected at least one of html, pdf"),
        (DOCUMENT, {"title": "T", "markdown": "a", "formats": ["exe"]}, "in.formats", "expected any of html, pdf, got 'exe'"),
        (DOCUMENT, {"title": "T", "markdown": "a", "paper": "a5"}, "in.paper", "expected one of a4, letter, got 'a5'"),
        (DOCUMENT, {"title": "T", "markdown": "a", "name": "../x"}, "in.name", "expected letters, digits, dots"),
        (DOCUMENT, {"title": "T", "markdown": "a", "tocDepth": "7"}, "in.tocDepth", "expected a whole number from 1 to 6"),
        (DOCUMENT, {"title": "T", "markdown": "a", "tocDepth": "1.5"}, "in.tocDepth", "expected a whole number"),
        (EXPORT, {"rows": '{"a": 1}'}, "in.rows", "expected a JSON list of objects"),
        (EXPORT, {"rows": "[1]"}, "in.rows", "expected a JSON list of objects"),
        (PLAN, {"topic": "Rust", "skillLevel": "beginner", "learningStyle": "video"}, "in.weeklyHours", "expected a value"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(form: Form, typed: dict[str, Any], field: str, message: str) -> None:
    read = read_form(form, filled(form, **typed))
    assert read.request is None
    assert list(read.errors) == [field]
    assert read.errors[field].startswith(message)


@pytest.mark.parametrize(
    ("start", "deadline", "field"),
    [
        ("soon", "", "in.startDate"),
        ("2026-01-02", "", "in.startDate"),
        ("2026-02-01T00:00", "2026-01-01T00:00", "in.deadlineDate"),
    ],
)
def test_dates_of_a_plan_are_dates_in_order(start: str, deadline: str, field: str) -> None:
    typed = {"topic": "Rust", "skillLevel": "beginner", "weeklyHours": "3", "learningStyle": "video"}
    assert list(read_form(PLAN, filled(PLAN, startDate=start, deadlineDate=deadline, **typed)).errors) == [field]


@pytest.mark.parametrize("text", ["{", "NaN", '{"a": Infinity}', '{"a": 1, "a": 2}', "[" * 100_000, "1" * 10_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(FieldInvalid, match=r"^expected "):
        parse_json(text)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"type": "Document"}, "type"),
        ({"type": ""}, "type"),
        ({"inputs": "[]"}, "inputs"),
        ({"inputs": ""}, "inputs"),
        ({"inputs": '{"a": "\\u0000"}', "sources": "{}"}, "sources"),
        ({"sources": '[{"name": "a/b", "uri": "https://a.example/b", "sha256": "00"}]'}, "sources"),
        ({"priority": "high"}, "priority"),
        ({"priority": "1000001"}, "priority"),
        ({"retryOf": "a/b"}, "retryOf"),
    ],
)
def test_the_editors_mistakes_are_said_at_their_field(typed: dict[str, str], field: str) -> None:
    given = {"type": "document", "inputs": "{}", "sources": "", "priority": "0"} | typed
    read = read_json({name: [value] for name, value in given.items()})
    assert read.request is None
    assert list(read.errors) == [field]


def test_the_editor_takes_everything_that_an_instruction_holds() -> None:
    source = f'[{{"name": "a.csv", "uri": "https://a.example/a.csv", "sha256": "{"0" * 64}"}}]'
    given = {"type": "export", "inputs": '{"source": "a.csv"}', "sources": source, "priority": "-3", "retryOf": "old"}
    read = read_json({name: [value] for name, value in given.items()})
    assert read.errors == {}
    assert read.request is not None
    assert read.request.instruction() == {
        "type": "export",
        "version": 1,
        "inputs": {"source": "a.csv"},
        "sources": [{"name": "a.csv", "uri": "https://a.example/a.csv", "sha256": "0" * 64}],
    }
    assert (read.request.priority, read.request.retry_of) == (-3, "old")


@pytest.mark.parametrize(
    "given",
    [{"source": "a.md"}, {"title": 5}, {"title": "T", "formats": ["docx"]}, {"tocDepth": 2.5}, {"paper": None}, {"toc": "yes"}],
)
def test_what_a_form_cannot_show_is_left_to_the_editor(given: dict[str, Any]) -> None:
    assert shown(DOCUMENT, given) is None


def test_every_form_is_found_by_its_type() -> None:
    assert {form_type: form.type for form_type, form in FORMS.items()} == {one: one for one in FORMS}
