"""Do the CEL rules of our definition hold what the database holds (R1, R5, R6)? Only a real API server can say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.crd.regeneration_jobs import RegenerationJobs, regeneration_job

if TYPE_CHECKING:
    from kubelite_tests.api.kube import Answer, Kube

pytestmark = pytest.mark.parametrize("server", [pytest.param("real", marks=pytest.mark.cluster)], indirect=True)

WHEN, LATER = "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:06.000Z"
ERROR = {"classification": "executor", "message": "m", "retryable": False}
DONE = {"phase": "COMPLETED", "outputRef": "s3://regen/a/manifest.json"}
FAILED = {"phase": "FAILED", "error": ERROR}


async def _put_status(kube: Kube, jobs: RegenerationJobs, status: dict[str, Any] | None) -> Answer:
    current = (await kube.get(f"{jobs.path}/a")).body
    current.pop("status", None)
    return await kube.put(f"{jobs.path}/a/status", current | ({} if status is None else {"status": status}))


def _refused(answer: Answer, words: str) -> bool:
    return answer.status == 422 and words in answer.message


@pytest.mark.parametrize(
    "change",
    [
        {"type": "export"},
        {"priority": 1},
        {"retryOf": "x"},
        {"instruction": {"inputs": {"a": {"b": 2}}}},
        {"instruction": {"inputs": {"a": {"new": 1}}}},
        {"instruction": {"inputs": None}},
    ],
)
async def test_the_spec_never_changes_not_even_deep_inside(kube: Kube, jobs: RegenerationJobs, change: dict[str, Any]) -> None:
    inside = {"type": "document", "version": 1, "inputs": {"a": {"b": 1}}}
    await kube.made(jobs.path, regeneration_job("a", instruction=inside))
    assert _refused(await kube.patch(f"{jobs.path}/a", {"spec": change}), "spec never changes")
    assert (await kube.patch(f"{jobs.path}/a", {"metadata": {"labels": {"a": "b"}}})).status == 200


async def test_an_instruction_or_its_digest_is_needed(kube: Kube, jobs: RegenerationJobs) -> None:
    assert _refused(await kube.post(jobs.path, regeneration_job("a", instruction=None)), "instruction is required")
    await kube.made(jobs.path, regeneration_job("b", instruction=None, instructionDigest="0" * 64))


@pytest.mark.parametrize(
    ("before", "after", "may"),
    [
        ({"phase": "PENDING"}, {"phase": "RUNNING"}, True),
        ({"phase": "PENDING"}, FAILED, True),
        ({"phase": "PENDING"}, DONE, True),
        ({"phase": "RUNNING"}, DONE, True),
        ({"phase": "RUNNING"}, FAILED, True),
        ({"phase": "RUNNING"}, {"phase": "RUNNING", "reason": "Started"}, True),
        ({"phase": "RUNNING"}, {"phase": "PENDING"}, False),
        ({"phase": "RUNNING"}, {"reason": "x"}, False),
        (DONE, FAILED, False),
        (FAILED, DONE, False),
        (DONE, {"phase": "RUNNING"}, False),
        (FAILED, {"phase": "PENDING"}, False),
    ],
)
async def test_the_phase_moves_only_forward(
    kube: Kube, jobs: RegenerationJobs, before: dict[str, Any], after: dict[str, Any], *, may: bool
) -> None:
    await kube.made(jobs.path, regeneration_job("a"))
    assert (await _put_status(kube, jobs, before)).status == 200
    answer = await _put_status(kube, jobs, after)
    assert (answer.status == 200) if may else _refused(answer, "phase only moves forward")


async def test_a_status_cannot_be_taken_away(kube: Kube, jobs: RegenerationJobs) -> None:
    await kube.made(jobs.path, regeneration_job("a"))
    await _put_status(kube, jobs, {"phase": "RUNNING"})
    assert _refused(await _put_status(kube, jobs, None), "status cannot be taken away")
    assert _refused(await kube.patch(f"{jobs.path}/a/status", {"status": None}), "status cannot be taken away")


@pytest.mark.parametrize(
    ("field", "one", "other", "rest"),
    [
        ("jobId", "1", "2", {}),
        ("jobName", "regen-1", "regen-2", {}),
        ("lockedAt", WHEN, LATER, {}),
        ("startedAt", WHEN, LATER, {}),
        ("completedAt", WHEN, LATER, {}),
        ("outputRef", "s3://a", "s3://b", {"phase": "COMPLETED"}),
        ("error", ERROR, ERROR | {"message": "other"}, {"phase": "FAILED"}),
    ],
)
async def test_a_stamp_is_set_once(
    kube: Kube, jobs: RegenerationJobs, *, field: str, one: Any, other: Any, rest: dict[str, Any]
) -> None:
    await kube.made(jobs.path, regeneration_job("a"))
    assert (await _put_status(kube, jobs, rest | {field: one})).status == 200
    assert _refused(await _put_status(kube, jobs, rest | {field: other}), f"{field} is set once")
    assert _refused(await _put_status(kube, jobs, rest), f"{field} is set once")
    assert (await _put_status(kube, jobs, rest | {field: one, "message": "m"})).status == 200


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"phase": "COMPLETED"}, "outputRef is set together with phase COMPLETED"),
        ({"phase": "RUNNING", "outputRef": "s3://a"}, "outputRef is set together with phase COMPLETED"),
        ({"outputRef": "s3://a"}, "outputRef is set together with phase COMPLETED"),
        ({"phase": "FAILED"}, "error is set together with phase FAILED"),
        (DONE | {"error": ERROR}, "error is set together with phase FAILED"),
    ],
)
async def test_output_and_error_come_with_their_phase(
    kube: Kube, jobs: RegenerationJobs, status: dict[str, Any], words: str
) -> None:
    await kube.made(jobs.path, regeneration_job("a"))
    assert _refused(await _put_status(kube, jobs, status), words)
