"""Do the shipped executors work in the real sandbox, and give the same bytes in two pods (rule R11)?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from regen_executors.plan.inputs import plan_inputs
from regen_plan_catalogue import CatalogueProvider
from tests.chat_server import ChatServer, chat_server, completion
from tests.unit.executors.images import encoded, picture

if TYPE_CHECKING:
    from tests.integration.runner.execute.conftest import Pod, Run

KEY = "sk-very-secret"
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


def _openai(server: ChatServer) -> dict[str, str]:
    return {
        "EXECUTOR_PLAN_PROVIDER": "openai",
        "EXECUTOR_OPENAI_URL": server.url,
        "EXECUTOR_OPENAI_MODEL": "test-1",
        "EXECUTOR_OPENAI_KEY": KEY,
        "EXECUTOR_OPENAI_TIMEOUT_SECONDS": "20",
    }


def _traces_of_the_key(pod: Pod, run: Run) -> list[str]:
    files = [path for path in pod.root.rglob("*") if path.is_file()]
    found = [str(path) for path in files if KEY.encode() in path.read_bytes()]
    return found + [text for text in (run.log, run.error) if KEY in text]


def test_a_class_with_egress_reaches_its_provider_with_its_key_and_leaves_it_nowhere(pod: Pod) -> None:
    inputs = plan_inputs(PLAN)
    content = json.loads(CatalogueProvider().curriculum(inputs).model_dump_json(by_alias=True))
    with chat_server(lambda handler: handler.send(200, completion(content))) as server:
        run = pod.run_shipped("plan_regeneration", PLAN, env={"REGEN_EGRESS": "open", **_openai(server)})
    assert run.result.error is None, run.result.error
    assert json.loads(_made(pod)["plan.json"])["provider"] == {"name": "openai", "model": "test-1"}
    ((_, headers, _),) = server.seen
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert _traces_of_the_key(pod, run) == []


def test_a_providers_fault_is_the_executors_and_retryable(pod: Pod) -> None:
    with chat_server(lambda handler: handler.send(429, b"")) as server:
        run = pod.run_shipped("plan_regeneration", PLAN, env={"REGEN_EGRESS": "open", **_openai(server)})
    assert run.result.error is not None
    assert (run.result.error.classification, run.result.error.retryable) == ("executor", True)
    assert "429" in run.result.error.message
    assert _traces_of_the_key(pod, run) == []


def test_without_egress_no_provider_is_reached_and_the_error_says_why(pod: Pod) -> None:
    with chat_server(lambda handler: handler.send(200, b"")) as server:
        run = pod.run_shipped("plan_regeneration", PLAN, env=_openai(server))
    assert run.result.error is not None
    assert (run.result.error.classification, run.result.error.retryable) == ("executor", False)
    assert "egress" in run.result.error.message
    assert server.seen == []
    assert _traces_of_the_key(pod, run) == []


def test_an_instruction_cannot_choose_a_provider(pod: Pod) -> None:
    classification, message = pod.run_shipped("plan_regeneration", PLAN | {"provider": "openai"}).failure
    assert (classification, message.split(":")[0]) == ("validation", "inputs.provider")


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
