"""Does the provider openai ask as documented, check every answer, and end every misbehaviour in the right kind of error?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from regen_executors.interface import Capped, InvalidInput, Unavailable
from regen_executors.plan import openai
from regen_executors.plan.assembling import assembled
from regen_executors.plan.inputs import plan_inputs
from regen_executors.plan.model import Curriculum
from regen_executors.plan.openai import MAX_ANSWER_BYTES, ProviderRefused
from regen_executors.plan.provider import chosen_provider
from regen_plan_catalogue import CatalogueProvider
from tests.chat_server import CERTIFICATE, ChatServer, Handler, chat_server, completion
from tests.unit.executors.plans import GOOD

if TYPE_CHECKING:
    from collections.abc import Callable


KEY = "sk-very-secret"
INPUTS = plan_inputs({**GOOD, "notes": "I like chess", "startDate": "2026-01-05T00:00:00Z"})


def _curriculum() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        CatalogueProvider().curriculum(INPUTS).model_dump_json(by_alias=True, exclude_defaults=True)
    )
    for module in found["modules"]:
        module.pop("whole", None)
    return found


def _changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    curriculum = _curriculum()
    change(curriculum)
    return curriculum


def _ask(server: ChatServer, timeout: str = "20") -> Curriculum:
    environ = {
        "EXECUTOR_PLAN_PROVIDER": "openai",
        "EXECUTOR_OPENAI_URL": server.url,
        "EXECUTOR_OPENAI_MODEL": "test-1",
        "EXECUTOR_OPENAI_KEY": KEY,
        "EXECUTOR_OPENAI_TIMEOUT_SECONDS": timeout,
    }
    return chosen_provider(environ).curriculum(INPUTS)


def _says(content: Any, **more: Any) -> Callable[[Handler], None]:
    return lambda handler: handler.send(200, completion(content, **more))


def test_a_good_answer_becomes_a_plan() -> None:
    with chat_server(_says(_curriculum())) as server:
        curriculum = _ask(server)
    assert curriculum == Curriculum.model_validate_json(json.dumps(_curriculum()))
    assert assembled(INPUTS, curriculum, CatalogueProvider().about).totals.minutes > 0


def test_the_request_fixes_temperature_and_seed_and_carries_a_schema_that_the_answer_meets() -> None:
    with chat_server(_says(_curriculum())) as server:
        _ask(server)
    ((path, headers, body),) = server.seen
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert (body["model"], body["temperature"], body["seed"]) == ("test-1", 0, 0)
    learner = json.loads(body["messages"][-1]["content"])
    assert learner == {
        "topic": "Python",
        "skillLevel": "beginner",
        "weeklyHours": 5,
        "learningStyle": "mixed",
        "notes": "I like chess",
    }
    wanted = body["response_format"]["json_schema"]
    assert wanted["strict"] is True
    jsonschema.Draft202012Validator.check_schema(wanted["schema"])
    jsonschema.validate(_curriculum(), wanted["schema"])
    lesson = wanted["schema"]["$defs"]["DraftLesson"]
    assert "title" in lesson["properties"]
    assert set(lesson["required"]) == set(lesson["properties"])
    assert lesson["additionalProperties"] is False


@pytest.mark.parametrize(
    "misbehave",
    [
        lambda handler: handler.send(429, b"slow down"),
        lambda handler: handler.send(500, b""),
        lambda handler: handler.send(503, b""),
        lambda handler: handler.cut_off(),
        lambda handler: handler.send(200, completion(_curriculum())[:500], length=100_000),
        lambda handler: handler.wfile.write(b"no HTTP at all\r\n\r\n"),
        lambda handler: handler.send(200, b"{not JSON"),
        lambda handler: handler.send(200, b"[]"),
        lambda handler: handler.send(200, b'{"choices": []}'),
        lambda handler: handler.send(200, b'{"choices": [{"message": null}]}'),
        lambda handler: handler.send(200, b"[" * 100_000),
        lambda handler: handler.send(200, b" " * (MAX_ANSWER_BYTES + 1)),
        _says(None),
        _says("Here is your plan: ..."),
        _says({"modules": []}),
        _says(_changed(lambda c: c.update(extra=1))),
        _says(_changed(lambda c: c["modules"][0].pop("goal"))),
        _says(_changed(lambda c: c["modules"][0].update(prerequisites=["later"]))),
        _says(_changed(lambda c: c["modules"][1].update(id=c["modules"][0]["id"]))),
        _says(_changed(lambda c: c["modules"][0]["lessons"][0]["steps"][0].update(minutes="10"))),
        _says(_changed(lambda c: c["modules"][0]["lessons"][0].update(steps=[{"kind": "read", "minutes": 5, "text": "x"}]))),
        _says(_changed(lambda c: c["modules"][0]["resources"][0].update(url="javascript:alert(1)"))),
        _says(_changed(lambda c: c["modules"][0].update(title="a\0b"))),
    ],
    ids=lambda _: "",
)
def test_an_answer_that_is_none_may_be_another_one_later(misbehave: Callable[[Handler], None]) -> None:
    with chat_server(misbehave) as server, pytest.raises(Unavailable) as caught:
        _ask(server)
    assert len(server.seen) == 1
    assert KEY not in str(caught.value)


_WORD = "one-word-of-the-provider"
_CHANGES: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda c: c.update({_WORD: 1}), "an unknown field: Extra inputs are not permitted"),
    (lambda c: c["modules"][1].update({_WORD: 1}), "modules.1.an unknown field: Extra inputs are not permitted"),
    (
        lambda c: c["modules"][0]["lessons"][0]["steps"][1].update({_WORD: {_WORD: _WORD}}),
        "modules.0.lessons.0.steps.1.an unknown field: Extra inputs are not permitted",
    ),
    (lambda c: c["modules"][0].update({"7": 1}), "modules.0.an unknown field: Extra inputs are not permitted"),
    (lambda c: c["modules"][0].pop("goal"), "modules.0.goal: Field required"),
    (lambda c: c["modules"][0]["resources"][0].update(kind=_WORD), "modules.0.resources.0.kind: Input should be"),
    (lambda c: c["modules"][0]["resources"][0].update(url=_WORD), "modules.0.resources.0.url: String should match"),
    (lambda c: c["modules"][1].update(id=f"{_WORD}!"), "modules.1.id: String should match"),
    (lambda c: c["modules"][1].update(prerequisites=[_WORD]), "modules.1.prerequisites: expected ids of modules before it"),
    (
        lambda c: c["modules"][0].update(id=_WORD, prerequisites=[_WORD]),
        "modules.0.prerequisites: expected ids of modules before it",
    ),
    (
        lambda c: [module.update(id=_WORD, prerequisites=[]) for module in c["modules"]],
        "modules.1.id: expected an id of its own",
    ),
    # Assembling makes a lesson's id of its module's, which has three characters more.
    (lambda c: c["modules"][1].update(id=_WORD.ljust(98, "x")), "modules.1.id: String should match"),
]


@pytest.mark.parametrize(("change", "told"), _CHANGES, ids=[told for _, told in _CHANGES])
def test_what_is_wrong_with_an_answer_is_told_by_its_place_in_none_of_the_providers_words(
    change: Callable[[dict[str, Any]], Any], told: str
) -> None:
    with chat_server(_says(_changed(change))) as server, pytest.raises(Unavailable) as caught:
        _ask(server)
    assert str(caught.value).startswith(f"the provider's answer is no curriculum: {told}")
    assert _WORD not in str(caught.value)


def test_an_id_of_a_module_may_be_as_long_as_its_lessons_leave_it() -> None:
    def lengthen(curriculum: dict[str, Any]) -> None:
        last = curriculum["modules"][-1]
        last.update(id=_WORD.ljust(97, "x"), lessons=last["lessons"][:1] * 30)

    with chat_server(_says(_changed(lengthen))) as server:
        assert len(_ask(server).modules[-1].id) == 97


def test_a_rule_of_plans_that_an_answer_breaks_is_not_told_in_the_rules_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "_check_modules", lambda _: None)
    answer = _changed(lambda c: c["modules"][1].update(id=_WORD, prerequisites=[_WORD]))
    with chat_server(_says(answer)) as server, pytest.raises(Unavailable) as caught:
        _ask(server)
    assert str(caught.value) == "the provider's answer is no curriculum: the whole: breaks a rule of plans"


@pytest.mark.parametrize("slow", [Handler.silence, Handler.trickle])
def test_a_server_that_takes_too_long_is_left(slow: Callable[[Handler], None]) -> None:
    with chat_server(slow) as server, pytest.raises(Unavailable, match=r"did not answer within 0\.3 seconds"):
        _ask(server, timeout="0.3")


def test_a_server_that_is_not_there_may_be_later() -> None:
    with chat_server(Handler.silence) as server:
        pass
    with pytest.raises(Unavailable, match="cannot be reached"):
        _ask(server)


def test_https_with_a_trusted_certificate_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with chat_server(_says(_curriculum()), tls=True) as server:
        assert _ask(server) == Curriculum.model_validate_json(json.dumps(_curriculum()))


@pytest.mark.parametrize("slow", [Handler.silence, Handler.trickle])
def test_https_is_left_when_it_takes_too_long_too(monkeypatch: pytest.MonkeyPatch, slow: Callable[[Handler], None]) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with chat_server(slow, tls=True) as server, pytest.raises(Unavailable, match=r"did not answer within 1 seconds"):
        _ask(server, timeout="1")


def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_said() -> None:
    with chat_server(_says(_curriculum()), tls=True) as server, pytest.raises(ProviderRefused, match="not trusted"):
        _ask(server)
    assert server.seen == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_of_the_class_is_no_matter_of_time(status: int) -> None:
    def refuse(handler: Handler) -> None:
        handler.send(status, KEY.encode())

    with chat_server(refuse) as server, pytest.raises(ProviderRefused, match=str(status)) as caught:
        _ask(server)
    assert KEY not in str(caught.value)


def test_a_redirect_is_not_followed_with_the_key() -> None:
    with chat_server(_says(_curriculum())) as other:

        def redirect(handler: Handler) -> None:
            handler.send(307, b"", headers={"Location": f"{other.url}/chat/completions"})

        with chat_server(redirect) as server, pytest.raises(ProviderRefused, match="307"):
            _ask(server)
    assert other.seen == []


@pytest.mark.parametrize("more", [{"refusal": "I would rather not"}, {"finish_reason": "content_filter"}])
def test_a_topic_that_the_model_declines_is_a_wrong_input(more: dict[str, str]) -> None:
    with chat_server(_says("", **more)) as server, pytest.raises(InvalidInput) as caught:
        _ask(server)
    assert caught.value.field == "inputs.topic"
    assert "rather not" not in str(caught.value)


def test_a_curriculum_that_the_model_cannot_end_is_capped() -> None:
    with chat_server(_says('{"modules": [', finish_reason="length")) as server, pytest.raises(Capped) as caught:
        _ask(server)
    assert caught.value.field == "inputs.topic"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("EXECUTOR_PLAN_PROVIDER", "oracle"),
        ("EXECUTOR_OPENAI_URL", ""),
        ("EXECUTOR_OPENAI_URL", "http://api.example/v1"),
        ("EXECUTOR_OPENAI_URL", "https://user:word@api.example/v1"),
        ("EXECUTOR_OPENAI_URL", "https://api.example/v1?key=x"),
        ("EXECUTOR_OPENAI_URL", "https://api.example:port/v1"),
        ("EXECUTOR_OPENAI_URL", "https://"),
        ("EXECUTOR_OPENAI_URL", "file:///etc/passwd"),
        ("EXECUTOR_OPENAI_MODEL", ""),
        ("EXECUTOR_OPENAI_MODEL", "two words"),
        ("EXECUTOR_OPENAI_KEY", f"{KEY}\nX-Other: 1"),
        ("EXECUTOR_OPENAI_KEY", f"{KEY}é"),
        ("EXECUTOR_OPENAI_TIMEOUT_SECONDS", "0"),
        ("EXECUTOR_OPENAI_TIMEOUT_SECONDS", "soon"),
    ],
)
def test_a_wrong_variable_is_named_and_a_key_is_not_shown(variable: str, value: str) -> None:
    environ = {
        "EXECUTOR_PLAN_PROVIDER": "openai",
        "EXECUTOR_OPENAI_URL": "https://api.example/v1",
        "EXECUTOR_OPENAI_MODEL": "test-1",
        "EXECUTOR_OPENAI_KEY": KEY,
    }
    with pytest.raises(ValueError, match=f"^{variable}: (expected|no installed package)") as caught:
        chosen_provider(environ | {variable: value})
    assert KEY not in str(caught.value)


def test_the_key_is_in_no_picture_of_the_provider() -> None:
    environ = {"EXECUTOR_PLAN_PROVIDER": "openai", "EXECUTOR_OPENAI_URL": "https://a.example", "EXECUTOR_OPENAI_MODEL": "m"}
    assert KEY not in repr(chosen_provider(environ | {"EXECUTOR_OPENAI_KEY": KEY}))
