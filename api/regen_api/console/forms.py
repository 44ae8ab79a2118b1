"""The forms of the shipped executors, and what becomes of them: the body of ``POST /api/v1/regeneration-jobs``.

A form has the inputs that a person types; the JSON editor has all. The executor checks its inputs again in any case: a form
only spares a failed job.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from pydantic import ValidationError

from regen_api.console.fields import ABSENT, Field, FieldInvalid, Given, parse_json
from regen_api.console.nesting import flattened, nested
from regen_api.jobs.routes import MAX_PRIORITY, JobRequest
from regen_api.plans.overrides import MAX_HOURS, MAX_NOTES, MAX_TOPIC, MIN_HOURS, MIN_TOPIC, as_utc
from regen_api.wire import storable

JSON: Final = "json"
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._\-]{0,99}"
_SOURCE_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._\-]{0,127}"
_URI: Final = r"(https|http|s3|file):\/\/[A-Za-z0-9._~:\/?#@!$&'\(\)*+,;=%\-]+"
_URI_HINT: Final = "an address such as s3://bucket/photo.jpg; it is fetched and checked before the executor starts"
_NAME_HINT: Final = "letters, digits, dots, dashes and underscores"
_SOURCE_HINT: Final = f"{_NAME_HINT}, such as photo.jpg"

Errors = dict[str, str]
"""A message by the key of the control that it belongs to."""


def _nothing_more(_: Mapping[str, Any]) -> Errors:
    return {}


@dataclass(frozen=True, slots=True)
class Form:
    """One executor's. ``rule`` looks at the inputs together, each under its field's name, and so do its errors.

    Where fields describe a source file, the input ``source`` is that file's name.
    """

    type: str
    title: str
    purpose: str
    fields: tuple[Field, ...]
    rule: Callable[[Mapping[str, Any]], Errors] = field(default=_nothing_more)

    @property
    def groups(self) -> list[tuple[str, list[Field]]]:
        """The fields under their headings, in order."""
        return [(heading, list(some)) for heading, some in groupby(self.fields, lambda one: one.group)]


def _one_text(inputs: Mapping[str, Any]) -> Errors:
    if ("markdown" in inputs) == ("template" in inputs):
        return {"markdown": "expected either Markdown or a template, and not both"}
    if "data" in inputs and "template" not in inputs:
        return {"data": "expected data only together with a template"}
    if "data" in inputs and not isinstance(inputs["data"], dict):
        return {"data": "expected a JSON object"}
    return {}


def _rows_are_objects(inputs: Mapping[str, Any]) -> Errors:
    errors = {}
    for name in ("rows", "columns", "filters", "sort"):
        value = inputs.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            errors[name] = "expected a JSON list of objects"
    return errors


def _dates_are_dates(inputs: Mapping[str, Any]) -> Errors:
    errors = {}
    for name in ("startDate", "deadlineDate"):
        try:
            as_utc(inputs.get(name, "2000-01-01T00:00Z"))
        except ValueError:
            errors[name] = "expected a date and time such as 2026-01-31T09:00"
    has_both = {"startDate", "deadlineDate"} <= inputs.keys()
    if has_both and not errors and as_utc(inputs["deadlineDate"]) <= as_utc(inputs["startDate"]):
        errors["deadlineDate"] = "expected a time after the start"
    return errors


RENDITIONS: Final = 3
"""That the form has room for; the executor makes more."""


def _renditions_fit(inputs: Mapping[str, Any]) -> Errors:
    errors: Errors = {}
    seen = set()
    for number in range(RENDITIONS):
        at = f"renditions.{number}."
        one = {name.removeprefix(at): value for name, value in inputs.items() if name.startswith(at)}
        if not one:
            continue
        errors |= {at + name: "expected a value" for name in ("name", "format") if name not in one}
        if one.get("fit") == "cover" and not {"width", "height"} <= one.keys():
            errors[at + "fit"] = "expected width and height with cover"
        if "quality" in one and one.get("format") == "png":
            errors[at + "quality"] = "expected a quality only with jpeg or webp"
        named = (str(one.get("name", "")).lower(), one.get("format"))
        if named in seen and None not in named:
            errors[at + "name"] = "expected another name, or another format, than the renditions before"
        seen.add(named)
    return errors


def _rendition(number: int) -> tuple[Field, ...]:
    at, group, is_first = f"renditions.{number}.", f"Rendition {number + 1}", number == 0
    return (
        Field(f"{at}name", "Name", hint="Of the file, without its ending.", required=is_first, pattern=_NAME, group=group),
        Field(f"{at}format", "Format", "choice", options=("png", "jpeg", "webp"), required=is_first, group=group),
        Field(f"{at}width", "Width", "number", hint="Pixels.", least=1, most=16_383, group=group),
        Field(f"{at}height", "Height", "number", hint="Pixels.", least=1, most=16_383, group=group),
        Field(f"{at}fit", "Fit", "choice", hint="In the box, or filling it.", options=("contain", "cover"), group=group),
        Field(f"{at}quality", "Quality", "number", hint="Of JPEG and WebP.", least=1, most=100, group=group),
        Field(f"{at}background", "Background", hint="a colour such as #ffffff", pattern=r"#[0-9a-fA-F]{6}", group=group),
        Field(f"{at}watermark.text", "Watermark", least=1, most=200, group=group),
    )


ASSET: Final = Form(
    "asset",
    "Image",
    "One image becomes renditions: resized, converted, watermarked, its metadata left behind. "
    "Crops, fonts and more renditions are for the JSON editor.",
    (
        Field("source", "File name", hint=_SOURCE_HINT, required=True, pattern=_SOURCE_NAME, group="Image"),
        Field(
            "sourceFormat", "Format", "choice", hint="What the name ends in, where this is left alone.",
            options=("png", "jpeg", "webp", "svg"), group="Image",
        ),
        Field("uri", "Address", hint=_URI_HINT, required=True, most=2048, pattern=_URI, group="Image", of_source=True),
        Field(
            "sha256", "SHA-256", hint="64 hex digits in lower case, as sha256sum prints them", required=True,
            pattern=r"[0-9a-f]{64}", group="Image", of_source=True,
        ),
        *(one for number in range(RENDITIONS) for one in _rendition(number)),
    ),
    _renditions_fit,
)  # fmt: skip

DOCUMENT: Final = Form(
    "document",
    "Document",
    "Markdown, or a template and its data, becomes HTML and PDF.",
    (
        Field("title", "Title", required=True, least=1, most=500),
        Field("subtitle", "Subtitle", most=500),
        Field("author", "Author", most=500),
        Field("date", "Date", hint="As it shall be printed; an executor has no clock.", most=100),
        Field("markdown", "Markdown", "area", hint="CommonMark with tables and footnotes. Leave it empty to use a template."),
        Field("template", "Template", "area", hint="A Jinja2 template that makes such Markdown from the data."),
        Field("data", "Template data", "json", hint="A JSON object with the template's variables."),
        Field("formats", "Formats", "choices", options=("html", "pdf"), default=("html", "pdf"), required=True),
        Field("name", "File name", hint=_NAME_HINT, default=("document",), pattern=_NAME),
        Field("language", "Language", hint="a tag such as en or de-AT", pattern=r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}"),
        Field("paper", "Paper", "choice", options=("a4", "letter"), default=("a4",)),
        Field("toc", "Table of contents", "flag"),
        Field("tocTitle", "Contents: heading", least=1, most=100),
        Field("tocDepth", "Contents: depth", "number", least=1, most=6),
    ),
    _one_text,
)

EXPORT: Final = Form(
    "export",
    "Export",
    "Rows become CSV, JSON lines, Parquet or XLSX, filtered and sorted.",
    (
        Field("rows", "Rows", "json", hint="A JSON list of objects. For a source file use the JSON editor.", required=True),
        Field("formats", "Formats", "choices", options=("csv", "jsonl", "parquet", "xlsx"), default=("csv",), required=True),
        Field("name", "File name", hint=_NAME_HINT, default=("export",), pattern=_NAME),
        Field("columns", "Columns", "json", hint='Such as [{"name": "price", "type": "decimal"}]; all of them when empty.'),
        Field("filters", "Filters", "json", hint='Such as [{"column": "price", "op": "gt", "value": 10}].'),
        Field("sort", "Sorting", "json", hint='Such as [{"column": "price", "descending": true}].'),
        Field("limit", "Rows at the most", "number", least=0),
        Field("sheet", "Sheet", hint="a name of 31 characters at the most", pattern=r"[^\[\]:*?\/\\'\x00-\x1f]{1,31}"),
        Field("csvFormulaGuard", "Guard the CSV against spreadsheet formulas", "flag"),
    ),
    _rows_are_objects,
)

PLAN: Final = Form(
    "plan_regeneration",
    "Learning plan",
    "A topic and a learner's time become a plan by week, as data and to print.",
    (
        Field("topic", "Topic", required=True, least=MIN_TOPIC, most=MAX_TOPIC),
        Field("skillLevel", "Skill level", "choice", options=("beginner", "intermediate", "advanced"), required=True),
        Field("weeklyHours", "Hours a week", "number", required=True, least=MIN_HOURS, most=MAX_HOURS),
        Field("learningStyle", "Learning style", "choice", options=("reading", "video", "practice", "mixed"), required=True),
        Field("startDate", "Start", "date", hint="Date and time, UTC."),
        Field("deadlineDate", "Deadline", "date", hint="Date and time, UTC."),
        Field("notes", "Notes", "area", most=MAX_NOTES),
    ),
    _dates_are_dates,
)

FORMS: Final[Mapping[str, Form]] = {form.type: form for form in (DOCUMENT, EXPORT, ASSET, PLAN)}


@dataclass(frozen=True, slots=True)
class Read:
    """A submitted form: the request, or what is wrong with it."""

    request: JobRequest | None
    errors: Errors


def read_form(form: Form, given: Given) -> Read:
    """The request of a typed form."""
    inputs: dict[str, Any] = {}
    source: dict[str, Any] = {}
    errors: Errors = {}
    for one in form.fields:
        try:
            value = one.parse(given)
        except FieldInvalid as error:
            errors[one.key] = str(error)
            continue
        if value is not ABSENT:
            (source if one.of_source else inputs)[one.name] = value
    keys = {one.name: one.key for one in form.fields}
    if not errors:
        errors = {keys[name]: message for name, message in form.rule(inputs).items()}
    priority = _priority(given, errors)
    body: dict[str, Any] = {"type": form.type, "inputs": nested(inputs), "priority": priority}
    if source:
        body["sources"] = [{"name": inputs.get("source", "")} | source]
    read = _request(body, given, errors)
    return Read(
        read.request, {keys.get("source", name) if name == "sources" else name: told for name, told in read.errors.items()}
    )


def read_json(given: Given) -> Read:
    """The request of the JSON editor: type, inputs and sources as typed."""
    errors: Errors = {}
    body: dict[str, Any] = {"type": _first(given, "type"), "priority": _priority(given, errors)}
    for name, kind in (("inputs", dict), ("sources", list)):
        text = _first(given, name)
        if not text.strip() and name == "sources":
            continue
        try:
            body[name] = parse_json(text)
        except FieldInvalid as error:
            errors[name] = str(error)
            continue
        if not isinstance(body[name], kind):
            errors[name] = f"expected a JSON {'object' if kind is dict else 'list'}"
    return _request(body, given, errors)


def shown(form: Form, inputs: Mapping[str, Any], sources: object = None) -> dict[str, list[str]] | None:
    """What the form shows for these inputs and sources; None where it cannot show all, and the JSON editor has to."""
    fields = {one.name: one for one in form.fields}
    try:
        given = flattened(inputs, [one.name for one in form.fields if not one.of_source]) | _source(form, inputs, sources)
        values = {fields[name].key: fields[name].shown(value) for name, value in given.items()}
    except (KeyError, ValueError):
        return None
    # What is absent is left empty, not at the form's default: it is another job's input that is shown.
    return {one.key: values.get(one.key, []) for one in form.fields}


def _source(form: Form, inputs: Mapping[str, Any], sources: object) -> dict[str, Any]:
    """What the form's fields say of the one source that it knows.

    Raises:
        ValueError: there is another, or one of another form.
    """
    described = {one.name for one in form.fields if one.of_source}
    if not sources and not described:
        return {}
    match sources:
        case [dict() as one] if one.keys() == described | {"name"} and one["name"] == inputs.get("source"):
            return {name: one[name] for name in described}
        case _:
            msg = "expected the one source that the form knows"
            raise ValueError(msg)


def defaults(form: Form) -> dict[str, list[str]]:
    """What an empty form shows."""
    return {one.key: list(one.default) for one in form.fields}


def pretty(value: object) -> str:
    """JSON for a person."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def _first(given: Given, name: str) -> str:
    return given.get(name, [""])[0]


def _priority(given: Given, errors: Errors) -> int:
    try:
        parsed = Field("priority", "Priority", "number", least=-MAX_PRIORITY, most=MAX_PRIORITY).parse(
            {"in.priority": given.get("priority", [])}
        )
    except FieldInvalid as error:
        errors["priority"] = str(error)
        return 0
    return 0 if parsed is ABSENT else int(parsed)


def _request(body: dict[str, Any], given: Given, errors: Errors) -> Read:
    if retry_of := _first(given, "retryOf"):
        body["retryOf"] = retry_of
    if errors:
        return Read(None, errors)
    try:
        storable(json.dumps(body, ensure_ascii=False))
        return Read(JobRequest.model_validate(body), {})
    except ValidationError as error:
        return Read(None, {_control(one["loc"]): message(one) for one in reversed(error.errors(include_url=False))})
    except ValueError as error:
        return Read(None, {"inputs": str(error)})


def _control(place: tuple[int | str, ...]) -> str:
    return str(place[0]) if place else "inputs"


def message(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors in words, without the field that it lies in."""
    inside = ".".join(str(part) for part in error["loc"][1:])
    message = "expected no such key" if error["type"] == "extra_forbidden" else str(error["msg"]).removeprefix("Value error, ")
    return f"{inside}: {message}" if inside else message
