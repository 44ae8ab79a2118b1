"""Does a form become the inputs that its executor takes, and does a wrong value get one message at its own field?"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import pytest

from regen_api.console.fields import Field, FieldInvalid, parse_json
from regen_api.console.forms import ASSET, DOCUMENT, EXPORT, FORMS, PLAN, Form, defaults, read_form, read_json, shown
from regen_api.plans.overrides import Overrides
from regen_executors.asset.inputs import AssetInputs
from regen_executors.document.inputs import DocumentInputs
from regen_executors.export.inputs import ExportInputs
from regen_executors.plan.inputs import PlanInputs

if TYPE_CHECKING:
    from regen_executors.inputs import StrictInputs


def filled(form: Form, **inputs: str | list[str]) -> dict[str, list[str]]:
    """The form as a browser sends it: what a person typed over the defaults."""
    typed = {
        name if name.startswith("source.") else f"in.{name}": [value] if isinstance(value, str) else value
        for name, value in inputs.items()
    }
    return defaults(form) | typed


def inputs(form: Form, **typed: str | list[str]) -> dict[str, Any]:
    read = read_form(form, filled(form, **typed))
    assert read.errors == {}
    assert read.request is not None
    return read.request.inputs


MODELS: dict[str, type[StrictInputs]] = {
    "asset": AssetInputs,
    "document": DocumentInputs,
    "export": ExportInputs,
    "plan_regeneration": PlanInputs,
}
INPUTS = [
    pytest.param(form, one, id=f"{form.type}-{one.key}") for form in FORMS.values() for one in form.fields if not one.of_source
]
SOURCE = {"source.uri": ["s3://bucket/photo.jpg"], "source.sha256": ["0" * 64]}
ONE = {"source": "photo.jpg", "renditions.0.name": "thumb", "renditions.0.format": "webp"}


def schema_of(form: Form, path: str) -> dict[str, Any]:
    """What the executor's model says of the input at the dotted path; null apart."""
    whole = MODELS[form.type].model_json_schema()

    def resolved(part: dict[str, Any]) -> dict[str, Any]:
        choices = [one for one in part.get("anyOf", [part]) if one.get("type") != "null"]
        assert len(choices) == 1, part
        [one] = choices
        return whole["$defs"][one["$ref"].rpartition("/")[2]] if "$ref" in one else one

    found = whole
    for name in path.split("."):
        found = resolved(found["items"] if name.isdigit() else found["properties"][name])
    return found


def test_there_is_a_form_for_each_shipped_type() -> None:
    shipped = {point.name for point in entry_points(group="regen.executors")}
    assert set(FORMS) == set(MODELS) == shipped


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_input_that_is_required_is_asked_for(form: Form) -> None:
    required = set(MODELS[form.type].model_json_schema().get("required", []))
    asked = {one.name.partition(".")[0] for one in form.fields if one.required and not one.of_source}
    assert required <= asked


@pytest.mark.parametrize(("form", "field"), INPUTS)
def test_a_field_takes_what_its_input_takes(form: Form, field: Field) -> None:
    wanted = schema_of(form, field.name)
    match field.kind:
        case "choice":
            assert list(field.options) == wanted["enum"]
        case "choices":
            assert list(field.options) == wanted["items"]["enum"]
        case "number":
            assert wanted["type"] == "integer"
            assert (field.least, field.most) == (wanted.get("minimum"), wanted.get("maximum"))
        case "flag":
            assert wanted["type"] == "boolean"
        case "json":
            assert wanted["type"] in {"array", "object"}
        case "date":
            assert wanted["format"] == "date-time"
        case _:
            assert wanted["type"] == "string"
            assert field.most == wanted.get("maxLength") or field.pattern is not None
            assert (field.least or 0) >= wanted.get("minLength", 0) or field.pattern is not None or field.required
            assert (field.pattern is None) or "pattern" not in wanted or same_pattern(field.pattern, wanted["pattern"])


def same_pattern(ours: str, theirs: str) -> bool:
    """Browsers want more characters of a class escaped."""
    return f"^{ours}$".replace("\\-]", "-]").replace("\\/", "/") == theirs


def test_the_plans_form_has_what_a_plan_has() -> None:
    assert {field.name for field in PLAN.fields} == set(Overrides.__annotations__)


@pytest.mark.parametrize(
    ("form", "model", "typed"),
    [
        (DOCUMENT, DocumentInputs, {"title": "A page", "markdown": "Hello.\r\nAgain."}),
        (DOCUMENT, DocumentInputs, {"title": "T", "template": "{{ a }}", "data": '{"a": 1}', "toc": "on", "tocDepth": "2"}),
        (EXPORT, ExportInputs, {"rows": '[{"a": 1}]', "formats": ["xlsx", "csv"], "limit": "0", "csvFormulaGuard": "on"}),
        (
            PLAN,
            PlanInputs,
            {
                "topic": "Rust",
                "skillLevel": "beginner",
                "weeklyHours": "3",
                "learningStyle": "video",
                "startDate": "2026-01-01T09:00",
                "deadlineDate": "2026-02-01T09:00Z",
                "notes": "Evenings.",
            },
        ),
        (
            ASSET,
            AssetInputs,
            ONE
            | SOURCE
            | {
                "sourceFormat": "jpeg",
                "renditions.0.width": "200",
                "renditions.0.height": "100",
                "renditions.0.fit": "cover",
                "renditions.0.quality": "80",
                "renditions.0.background": "#ffffff",
                "renditions.0.watermark.text": "© Acme",
                "renditions.2.name": "full",
                "renditions.2.format": "png",
            },
        ),
        (EXPORT, ExportInputs, {"rows": "[]", "columns": '[{"name": "a"}]', "sort": '[{"column": "a"}]', "sheet": "Q1"}),
    ],
)
def test_what_the_form_takes_the_executor_takes_and_the_form_shows_again(
    form: Form, model: type[StrictInputs], typed: dict[str, Any]
) -> None:
    read = read_form(form, filled(form, **typed))
    assert read.request is not None, read.errors
    sent = read.request.instruction()
    model.model_validate(sent["inputs"])
    again = shown(form, sent["inputs"], sent.get("sources"))
    assert again is not None
    repeated = read_form(form, again).request
    assert repeated is not None
    assert repeated.instruction() == sent


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
        (ASSET, ONE | {"source.sha256": ["0" * 64]}, "source.uri", "expected a value"),
        (ASSET, ONE | SOURCE | {"source.uri": ["photo.jpg"]}, "source.uri", "expected an address such as s3://"),
        (ASSET, ONE | SOURCE | {"source.sha256": ["F" * 64]}, "source.sha256", "expected 64 hex digits"),
        (ASSET, ONE | SOURCE | {"source": "../a"}, "in.source", "expected letters, digits"),
        (ASSET, ONE | SOURCE | {"source": "manifest.json"}, "in.source", "0.name: expected one file name"),
        (
            ASSET,
            ONE | SOURCE | {"renditions.0.fit": "cover", "renditions.0.width": "5"},
            "in.renditions.0.fit",
            "expected width and",
        ),
        (
            ASSET,
            ONE | SOURCE | {"renditions.0.format": "png", "renditions.0.quality": "5"},
            "in.renditions.0.quality",
            "expected a q",
        ),
        (ASSET, ONE | SOURCE | {"renditions.1.name": "b"}, "in.renditions.1.format", "expected a value"),
        (
            ASSET,
            ONE | SOURCE | {"renditions.1.name": "THUMB", "renditions.1.format": "webp"},
            "in.renditions.1.name",
            "expected another",
        ),
        (ASSET, ONE | SOURCE | {"renditions.0.background": "white"}, "in.renditions.0.background", "expected a colour such as"),
        (
            ASSET,
            ONE | SOURCE | {"renditions.0.width": "16384"},
            "in.renditions.0.width",
            "expected a whole number from 1 to 16,383",
        ),
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


RENDITION = {"name": "a", "format": "png"}
PHOTO = {"name": "photo.jpg", "uri": "s3://bucket/photo.jpg", "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("given", "sources"),
    [
        ({"source": "photo.jpg", "renditions": [RENDITION]}, None),
        ({"source": "other.jpg", "renditions": [RENDITION]}, [PHOTO]),
        ({"source": "photo.jpg", "renditions": [RENDITION]}, [PHOTO, PHOTO | {"name": "font.ttf"}]),
        ({"source": "photo.jpg", "renditions": []}, [PHOTO]),
        ({"source": "photo.jpg", "renditions": [{}]}, [PHOTO]),
        ({"source": "photo.jpg", "renditions": [RENDITION] * 4}, [PHOTO]),
        ({"source": "photo.jpg", "renditions": [RENDITION | {"crop": {"x": 0}}]}, [PHOTO]),
        ({"source": "photo.jpg", "renditions": [RENDITION | {"watermark": None}]}, [PHOTO]),
        ({"source": "photo.jpg", "renditions": {"0": RENDITION}, "fonts": []}, [PHOTO]),
    ],
)
def test_an_image_that_the_form_cannot_show_is_left_to_the_editor(given: dict[str, Any], sources: Any) -> None:
    assert shown(ASSET, given, sources) is None


def test_an_object_in_place_of_a_list_is_left_to_the_editor() -> None:
    assert shown(ASSET, {"source": "photo.jpg", "renditions": {"0": RENDITION}}, [PHOTO]) is None


@pytest.mark.parametrize("form", [DOCUMENT, EXPORT, PLAN])
def test_a_form_that_knows_no_source_leaves_one_to_the_editor(form: Form) -> None:
    assert shown(form, {}, [PHOTO]) is None


def test_every_form_is_found_by_its_type() -> None:
    assert {form_type: form.type for form_type, form in FORMS.items()} == {one: one for one in FORMS}
