"""Does the definition that we ship accept what the operator writes, and nothing else?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from regen_core.errors import Classification
from regen_core.names import API_VERSION, KIND, PLURAL
from regen_core.states import JobStatus
from tests.integration.crd.regeneration_jobs import RegenerationJobs, regeneration_job

if TYPE_CHECKING:
    from kubelite_tests.api.kube import Kube

DEFINITION: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[3] / "crds" / f"{PLURAL}.regeneration.dev.yaml").read_text()
)
SCHEMA: dict[str, Any] = DEFINITION["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
STATUS = SCHEMA["properties"]["status"]["properties"]
WHEN = "2026-01-02T03:04:05.678Z"


def test_it_speaks_the_words_that_the_code_speaks() -> None:
    spec = DEFINITION["spec"]
    assert f"{spec['group']}/{spec['versions'][0]['name']}" == API_VERSION
    assert (spec["names"]["kind"], spec["names"]["plural"], spec["names"]["shortNames"]) == (KIND, PLURAL, ["rj"])
    assert STATUS["phase"]["enum"] == [str(status) for status in JobStatus]
    assert STATUS["error"]["properties"]["classification"]["enum"] == [str(word) for word in Classification]
    columns = [column["name"] for column in spec["versions"][0]["additionalPrinterColumns"]]
    assert columns == ["TYPE", "STATUS", "REASON", "POD", "RUN TIME", "AGE", "JOB ID", "PRIORITY", "MESSAGE"]


def _unbounded(schema: dict[str, Any], path: str) -> list[str]:
    found = [path] if schema.get("type") == "string" and "maxLength" not in schema else []
    found += [path] if schema.get("type") == "array" and "maxItems" not in schema else []
    for name, inner in schema.get("properties", {}).items():
        found += _unbounded(inner, f"{path}.{name}")
    return found + (_unbounded(schema["items"], f"{path}[]") if "items" in schema else [])


def test_every_string_and_list_is_bounded() -> None:
    assert _unbounded(SCHEMA["properties"]["spec"], "spec") + _unbounded(SCHEMA["properties"]["status"], "status") == []


async def test_a_whole_status_is_stored_as_it_is(kube: Kube, jobs: RegenerationJobs) -> None:
    await kube.made(jobs.path, regeneration_job("a", priority=-5, retryOf="old", instructionDigest="0" * 64))
    condition = {"type": "Succeeded", "status": "False", "reason": "Timeout", "message": "", "lastTransitionTime": WHEN}
    status = {
        "observedGeneration": 1,
        "jobId": "ckx1",
        "phase": "FAILED",
        "reason": "timeout",
        "message": "took too long",
        "error": {"classification": "timeout", "message": "x" * 16384, "retryable": True},
        "jobName": "regen-ckx1",
        "podName": "regen-ckx1-abcde",
        "lockedAt": WHEN,
        "startedAt": WHEN,
        "completedAt": WHEN,
        "runTime": "12s",
        "conditions": [condition],
    }
    answer = await kube.patch(f"{jobs.path}/a/status", {"status": status})
    assert (answer.status, answer.body.get("status")) == (200, status)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"type": "Upper"}, "spec.type"),
        ({"type": "x" * 64}, "spec.type"),
        ({"type": None}, "spec.type"),
        ({"instruction": "text"}, "spec.instruction"),
        ({"instructionDigest": "A" * 64}, "spec.instructionDigest"),
        ({"priority": "high"}, "spec.priority"),
        ({"priority": 2**31}, "spec.priority"),
        ({"retryOf": ""}, "spec.retryOf"),
    ],
)
async def test_a_wrong_field_of_the_spec_is_named(kube: Kube, jobs: RegenerationJobs, spec: dict[str, Any], field: str) -> None:
    answer = await kube.post(jobs.path, regeneration_job("a", **spec))
    assert answer.status == 422
    assert field in answer.causes


@pytest.mark.parametrize(
    ("status", "field"),
    [
        ({"phase": "STARTING"}, "status.phase"),
        ({"lockedAt": "yesterday"}, "status.lockedAt"),
        ({"error": {"classification": "odd", "message": "", "retryable": False}}, "status.error.classification"),
        ({"conditions": [{"type": "Odd"}]}, "status.conditions[0].type"),
    ],
)
async def test_a_wrong_field_of_the_status_is_named(
    kube: Kube, jobs: RegenerationJobs, status: dict[str, Any], field: str
) -> None:
    await kube.made(jobs.path, regeneration_job("a"))
    answer = await kube.patch(f"{jobs.path}/a/status", {"status": status})
    assert answer.status == 422
    assert field in answer.causes


async def test_the_inside_of_an_instruction_is_kept_and_other_fields_are_not(kube: Kube, jobs: RegenerationJobs) -> None:
    inputs = {"deep": {"list": [1, {"a": None}, "x"]}}
    instruction = {"type": "document", "version": 1, "inputs": inputs}
    made = await kube.made(jobs.path, regeneration_job("a", instruction=instruction, command="rm"))
    assert made["spec"]["instruction"] == instruction
    assert "command" not in made["spec"]


async def test_the_table_that_people_see(kube: Kube, jobs: RegenerationJobs) -> None:
    await kube.made(jobs.path, regeneration_job("a"))
    status = {"phase": "RUNNING", "reason": "Started", "podName": "p", "runTime": "since 03:04:05Z"}
    await kube.patch(f"{jobs.path}/a/status", {"status": status})
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    table = (await kube.call("GET", jobs.path, headers=accept)).body
    assert [column["name"] for column in table["columnDefinitions"]][1:] == [
        "TYPE",
        "STATUS",
        "REASON",
        "POD",
        "RUN TIME",
        "AGE",
        "JOB ID",
        "PRIORITY",
        "MESSAGE",
    ]
    wide = {column["name"] for column in table["columnDefinitions"] if column["priority"]}
    assert wide == {"JOB ID", "PRIORITY", "MESSAGE"}
    assert table["rows"][0]["cells"][:6] == ["a", "document", "RUNNING", "Started", "p", "since 03:04:05Z"]
    assert (await kube.get(jobs.path, fieldSelector="status.phase=RUNNING,spec.type=document")).names == ["a"]
