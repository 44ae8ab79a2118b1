"""Do the shipped executors work in the real sandbox, and give the same bytes in two pods (rule R11)?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.unit.executors.images import encoded, picture

if TYPE_CHECKING:
    from tests.integration.runner.execute.conftest import Pod

LIMITED = {"REGEN_MAX_MEMORY_BYTES": str(1 << 30)}
PLAN = {
    "topic": "interview prep",
    "skillLevel": "beginner",
    "weeklyHours": 5,
    "learningStyle": "mixed",
    "startDate": "2026-01-05T00:00:00Z",
}


def _made(pod: Pod) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((pod.root / "out").iterdir())}


def test_a_plan_is_made_and_made_again(pod: Pod, second_pod: Pod) -> None:
    for each in (pod, second_pod):
        run = each.run_shipped("plan_regeneration", PLAN, env=LIMITED)
        assert run.result.error is None, run.result.error
        assert [one.name for one in run.result.artifacts] == ["plan.json", "plan.pdf"]
    assert _made(pod) == _made(second_pod)


def test_a_wrong_plan_ends_as_validation(pod: Pod) -> None:
    classification, message = pod.run_shipped("plan_regeneration", PLAN | {"weeklyHours": 81}).failure
    assert classification == "validation"
    assert message.startswith("inputs.weeklyHours: ")


def test_renditions_are_made_and_made_again(pod: Pod, second_pod: Pod) -> None:
    mark = {"text": "regen"}
    renditions: list[dict[str, Any]] = [
        {"name": "small", "format": kind, "width": 32, "watermark": mark} for kind in ("png", "jpeg", "webp")
    ]
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="5" cy="5" r="3" fill="#123456"/></svg>'
    for each in (pod, second_pod):
        for name, content in (("a.jpg", encoded(picture(), "jpeg")), ("a.svg", svg)):
            inputs = {"source": name, "renditions": [one | {"name": name[-3:]} for one in renditions]}
            run = each.run_shipped("asset", inputs, {name: content}, env=LIMITED)
            assert run.result.error is None, run.result.error
            each.again()
    made = _made(pod)
    assert sorted(made) == [f"{source}.{kind}" for source in ("jpg", "svg") for kind in ("jpeg", "png", "webp")]
    assert made == _made(second_pod)


def test_a_mislabelled_image_ends_as_validation(pod: Pod) -> None:
    inputs = {"source": "a.png", "renditions": [{"name": "r", "format": "png"}]}
    classification, message = pod.run_shipped("asset", inputs, {"a.png": encoded(picture(), "jpeg")}).failure
    assert classification == "validation"
    assert message.startswith("inputs.source: ")
