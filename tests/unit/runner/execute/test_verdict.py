"""What does the envelope make of what the supervisor saw and the child said?"""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from regen_core.envelope import MAX_ENVELOPE_BYTES, DeclaredArtifact, ResultEnvelope
from regen_core.errors import Classification, JobError
from regen_runner.execute.scrubbing import HIDDEN
from regen_runner.execute.supervisor import Outcome
from regen_runner.execute.verdict import MAX_DETAIL_CHARACTERS, MAX_MESSAGE_CHARACTERS, Verdict, envelope, judge

SECRET = "ΔΘΛΞΠΣΦΨΩ"
"""Of letters that no other text here has."""
FROM_FILE = "sk-hunter2hunter2\n"
HEADER = b"Bearer sk-hunter2hunter2\n"
PASSWORD = "p@ss'word\\1x"
SENTENCE = 'dürfte "niemand" lesen'
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEabcdefgh\nxyzxyzxyzxyz=\n-----END PRIVATE KEY-----\n"
OPENING = json.dumps({"sandbox": {"mode": "require"}}).encode() + b"\n"
GOOD: dict[str, Any] = {"ok": True, "version": "2", "artifacts": [{"name": "a", "mediaType": "text/plain"}]}
BAD: dict[str, Any] = {"ok": False, "version": "2", "classification": "executor", "message": "m", "detail": {}}


def said(report: dict[str, Any]) -> bytes:
    return OPENING + json.dumps(report).encode() + b"\n"


def classified(outcome: Outcome) -> Classification | None:
    verdict = judge(outcome, 10, {})
    return verdict.error.classification if verdict.error else None


def test_a_good_report_and_a_clean_exit_are_a_result() -> None:
    verdict = judge(Outcome(status=0, said=said(GOOD)), 10, {})
    assert verdict == Verdict({"mode": "require"}, "2", (DeclaredArtifact("a", "text/plain"),), None)


@pytest.mark.parametrize(
    ("outcome", "classification"),
    [
        (Outcome(status=signal.SIGKILL, said=said(GOOD), timed_out=True), "timeout"),
        (Outcome(status=signal.SIGSEGV, said=said(GOOD)), "executor"),
        (Outcome(status=3 << 8, said=said(GOOD)), "executor"),
        (Outcome(status=signal.SIGKILL, said=OPENING, oom_kills=1), "resources"),
        (Outcome(status=signal.SIGKILL, said=OPENING), "executor"),
        (Outcome(status=signal.SIGABRT, said=OPENING, oom_kills=1), "executor"),
        (Outcome(status=0, said=OPENING), "executor"),
        (Outcome(status=0, said=said(GOOD), said_too_much=True), "executor"),
        (Outcome(status=0, said=b""), "internal"),
        (Outcome(status=signal.SIGSEGV, said=b'{"sandb'), "internal"),
        (Outcome(status=0, said=b'{"sandbox": {}, "failure": "no Landlock"}\n'), "internal"),
        (Outcome(status=None, said=said(GOOD)), "internal"),
    ],
    ids=range(12),
)
def test_what_was_seen_outweighs_what_was_said(outcome: Outcome, classification: str) -> None:
    assert classified(outcome) == classification


@pytest.mark.parametrize("own", ["validation", "capped", "executor", "resources"])
def test_an_executor_may_give_its_own_classifications(own: str) -> None:
    assert classified(Outcome(status=0, said=said({**BAD, "classification": own}))) == own


@pytest.mark.parametrize("others", ["timeout", "lost", "cancelled", "internal", "", None, 4])
def test_an_executor_may_give_no_other(others: object) -> None:
    verdict = judge(Outcome(status=0, said=said({**BAD, "classification": others})), 10, {})
    assert verdict.error is not None
    assert verdict.error.classification == Classification.EXECUTOR
    assert "classification" in verdict.error.message


@pytest.mark.parametrize(
    ("classification", "said_so", "retryable"),
    [("executor", True, True), ("executor", 1, False), ("executor", None, False), ("validation", True, False)],
)
def test_only_an_executors_fault_may_be_worth_another_try(classification: str, said_so: object, retryable: bool) -> None:  # noqa: FBT001 - a case
    verdict = judge(Outcome(status=0, said=said({**BAD, "classification": classification, "retryable": said_so})), 10, {})
    assert verdict.error is not None
    assert (verdict.error.classification, verdict.error.retryable) == (classification, retryable)


def test_only_known_details_of_bounded_size_are_kept() -> None:
    detail = {"field": "f" * 9999, "trace": "t" * 99_999, "limit": 4, "other": "x"}
    verdict = judge(Outcome(status=0, said=said({**BAD, "detail": detail})), 10, {})
    assert verdict.error is not None
    assert {key: len(value) for key, value in verdict.error.detail.items()} == {"field": 512, "trace": 8192}


def test_texts_that_a_database_cannot_hold_are_replaced() -> None:
    verdict = judge(Outcome(status=0, said=said({**BAD, "message": "a\0b\ud800c"})), 10, {})
    assert verdict.error is not None
    assert verdict.error.message == "a\ufffdb?c"


@pytest.mark.parametrize("shift", [1, 4, len(SECRET) - 1])
def test_no_half_of_a_secret_is_left_where_a_text_is_cut(shift: int) -> None:
    detail = {
        "trace": "…" + SECRET[shift:] + "t" * 100 + SECRET,
        "expected": "e" * (MAX_DETAIL_CHARACTERS["expected"] - shift) + SECRET,
    }
    report = {**BAD, "message": "m" * (MAX_MESSAGE_CHARACTERS - shift) + SECRET, "detail": detail}
    verdict = judge(Outcome(status=0, said=said(report)), 10, {"EXECUTOR_KEY": SECRET, "PATH": "/bin"})
    assert verdict.error is not None
    kept = json.dumps(verdict.error.as_json(), ensure_ascii=False)
    assert not set(SECRET) & set(kept.replace(HIDDEN, ""))
    assert verdict.error.detail["trace"].endswith(f"ttt{HIDDEN}")


def judged(environ: dict[str, str], **report: Any) -> JobError:
    error = judge(Outcome(status=0, said=said({**BAD, **report})), 10, environ).error
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("secret", "message", "left"),
    [
        (FROM_FILE, "refused sk-hunter2hunter2", f"refused {HIDDEN}"),
        (FROM_FILE, f"Invalid header value {HEADER!r}", f"Invalid header value b'Bearer {HIDDEN}\\n'"),
        (PASSWORD, f"No such file: {'/etc/' + PASSWORD!r}", f'No such file: "/etc/{HIDDEN}"'),
        (PASSWORD, f"got {PASSWORD + chr(34)!r}", f"got '{HIDDEN}\"'"),
        (SENTENCE, json.dumps({"key": SENTENCE}), f'{{"key": "{HIDDEN}"}}'),
        (SENTENCE, json.dumps({"key": SENTENCE}, ensure_ascii=False), f'{{"key": "{HIDDEN}"}}'),
        (SENTENCE, ascii(SENTENCE), f"'{HIDDEN}'"),
        (SENTENCE, repr(SENTENCE.encode()), f"b'{HIDDEN}'"),
        ("a key: niemand's", "https://x/?key=a+key%3A+niemand%27s", f"https://x/?key={HIDDEN}"),
        (PEM, f"cannot load {PEM!r}", f"cannot load '{HIDDEN}\\n'"),
        (PEM, "line 2 is MIIEabcdefgh, and no key", f"line 2 is {HIDDEN}, and no key"),
        ("short\n", "short\n", "short\n"),
        ("", "cannot reach https://ada:hunter2hunter2@host:443", f"cannot reach https://{HIDDEN}@host:443"),
        ("", f"cannot load\n{PEM}at all", f"cannot load\n{HIDDEN}\nat all"),
    ],
)
def test_no_secret_is_told_however_it_is_written(secret: str, message: str, left: str) -> None:
    told = judged({"EXECUTOR_KEY": secret}, message=message, detail={"expected": message, "trace": message})
    assert (told.message, told.detail) == (left, {"expected": left, "trace": left})


def test_another_key_than_the_classs_is_known_by_its_first_line() -> None:
    other = PEM.replace("MIIEabcdefgh", "MIIEotherwise")
    assert "MIIE" not in judged({"EXECUTOR_KEY": PEM}, message=f"made\n{other}").message


@pytest.mark.parametrize("word", ["validation", "resources"])
def test_a_value_of_the_class_may_be_the_word_of_a_classification(word: str) -> None:
    told = judged({"EXECUTOR_PROFILE": word}, classification=word, message=f"no {word}")
    assert (told.classification, told.message) == (word, f"no {HIDDEN}")


def test_an_envelope_is_never_larger_than_publish_reads() -> None:
    # 26,000 names escape to more bytes in the envelope than they came in.
    artifacts = tuple(DeclaredArtifact(f"a{n}", "\u00e4" * 10) for n in range(26_000))
    data = envelope(Verdict(artifacts=artifacts), "probe", "t0", "t1", {})
    assert len(data) <= MAX_ENVELOPE_BYTES
    read = ResultEnvelope.from_json(json.loads(data))
    assert read.artifacts == ()
    assert read.error is not None
    assert read.error.classification == Classification.EXECUTOR


def test_the_envelope_reads_back_as_it_was_meant() -> None:
    verdict = judge(Outcome(status=0, said=said(GOOD)), 10, {})
    read = ResultEnvelope.from_json(json.loads(envelope(verdict, "probe", "t0", "t1", {"wallSeconds": 1.5})))
    assert (read.executor, read.executor_version, read.started_at, read.finished_at) == ("probe", "2", "t0", "t1")
    assert (read.artifacts, read.sandbox, read.usage) == (verdict.artifacts, {"mode": "require"}, {"wallSeconds": 1.5})
