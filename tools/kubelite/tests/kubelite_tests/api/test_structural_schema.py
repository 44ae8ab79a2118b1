"""Does a definition's schema decide what is stored?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kubelite_tests.api.conftest import Widgets
    from kubelite_tests.api.kube import Kube


@pytest.mark.parametrize(
    ("spec", "field", "reason"),
    [
        ({"size": "1"}, "spec.size", "FieldValueTypeInvalid"),
        ({"size": 11}, "spec.size", "FieldValueInvalid"),
        ({"size": 0}, "spec.size", "FieldValueInvalid"),
        ({"size": 1.5}, "spec.size", "FieldValueTypeInvalid"),
        ({"colour": "green"}, "spec.colour", "FieldValueNotSupported"),
        ({"label": "toolong"}, "spec.label", "FieldValueTooLong"),
        ({"label": "A"}, "spec.label", "FieldValueInvalid"),
        ({"label": "a\n"}, "spec.label", "FieldValueInvalid"),
        ({"port": True}, "spec.port", "FieldValueTypeInvalid"),
        ({"tags": ["a", "b", "c"]}, "spec.tags", "FieldValueTooMany"),
        ({"tags": [1]}, "spec.tags[0]", "FieldValueTypeInvalid"),
        ({"tags": [None]}, "spec.tags[0]", "FieldValueTypeInvalid"),
        ({"numbers": {"a": "x"}}, "spec.numbers.a", "FieldValueTypeInvalid"),
        ({"when": "yesterday"}, "spec.when", "FieldValueTypeInvalid"),
        ({"parts": [{"name": "a"}, {"name": "a"}]}, "spec.parts[1]", "FieldValueDuplicate"),
        ({"parts": [{}]}, "spec.parts[0].name", "FieldValueRequired"),
        ({"free": 1}, "spec.free", "FieldValueTypeInvalid"),
    ],
)
async def test_what_it_forbids_is_invalid(kube: Kube, widgets: Widgets, spec: dict[str, Any], field: str, reason: str) -> None:
    answer = await kube.post(widgets.path, widgets.new("a", **spec))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes.get(field) == reason


async def test_what_it_requires_must_be_there(kube: Kube, widgets: Widgets) -> None:
    whole = widgets.new("a")
    answer = await kube.post(widgets.path, whole | {"spec": {}})
    assert (answer.status, answer.causes) == (422, {"spec.size": "FieldValueRequired"})
    del whole["spec"]
    answer = await kube.post(widgets.path, whole)
    assert (answer.status, answer.causes) == (422, {"spec": "FieldValueRequired"})


@pytest.mark.parametrize(
    "spec",
    [
        {"port": 80},
        {"port": "http"},
        {"numbers": {"a": 1}},
        {"when": "2026-01-02T03:04:05.678Z"},
        {"when": "2026-01-02T03:04:05+01:00"},
        {"empty": None},
        {"free": {"any": [{"thing": 1}]}},
        {"parts": [{"name": "a"}, {"name": "b"}]},
    ],
)
async def test_what_it_allows_is_stored_as_it_is(kube: Kube, widgets: Widgets, spec: dict[str, Any]) -> None:
    made = await kube.made(widgets.path, widgets.new("a", **spec))
    assert {key: made["spec"][key] for key in spec} == spec


async def test_a_default_is_filled_in(kube: Kube, widgets: Widgets) -> None:
    assert (await kube.made(widgets.path, widgets.new("a")))["spec"]["mode"] == "plain"
    assert (await kube.made(widgets.path, widgets.new("b", mode=None)))["spec"]["mode"] == "plain"


async def test_a_null_that_is_not_allowed_goes(kube: Kube, widgets: Widgets) -> None:
    assert "colour" not in (await kube.made(widgets.path, widgets.new("a", colour=None)))["spec"]


async def test_unknown_fields_go_with_a_warning(kube: Kube, widgets: Widgets) -> None:
    answer = await kube.post(widgets.path, widgets.new("a", unknown=1) | {"top": 1})
    assert answer.status == 201
    assert "unknown" not in answer.body["spec"]
    assert "top" not in answer.body
    assert any('unknown field \\"spec.unknown\\"' in warning for warning in answer.warnings)


async def test_unknown_fields_are_refused_where_that_is_asked(kube: Kube, widgets: Widgets) -> None:
    answer = await kube.post(widgets.path, widgets.new("a", unknown=1), fieldValidation="Strict")
    assert (answer.status, answer.reason) == (400, "BadRequest")
    assert 'unknown field "spec.unknown"' in answer.message


async def test_status_is_checked_at_its_own_door(kube: Kube, widgets: Widgets) -> None:
    await kube.made(widgets.path, widgets.new("a"))
    answer = await kube.patch(f"{widgets.path}/a/status", {"status": {"phase": 1}})
    assert (answer.status, answer.causes) == (422, {"status.phase": "FieldValueTypeInvalid"})
    pruned = await kube.patch(f"{widgets.path}/a/status", {"status": {"phase": "X", "unknown": 1}})
    assert pruned.body["status"] == {"phase": "X"}
