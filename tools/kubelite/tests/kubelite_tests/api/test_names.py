"""Which names does the server refuse, and how?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubelite_tests.api.kube import config_map, job, unique

if TYPE_CHECKING:
    from kubelite_tests.api.kube import Kube


@pytest.mark.parametrize("name", ["Upper", "under_score", "-dash", "dash-", "a..b", "x" * 254])
async def test_a_name_that_is_no_dns_subdomain_is_invalid(kube: Kube, namespace: str, name: str) -> None:
    answer = await kube.post(f"/api/v1/namespaces/{namespace}/configmaps", config_map(name))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"metadata.name": "FieldValueInvalid"}


async def test_a_jobs_name_must_fit_a_label(kube: Kube, namespace: str) -> None:
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    assert (await kube.post(path, job("a" * 63))).status == 201
    assert (await kube.post(path, job("a" * 64))).status == 422


async def test_a_taken_name_is_a_conflict_that_says_so(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    await kube.made(path, config_map("a"))
    answer = await kube.post(path, config_map("a"))
    assert (answer.status, answer.reason) == (409, "AlreadyExists")
    assert answer.message == 'configmaps "a" already exists'
    assert answer.body["details"] == {"name": "a", "kind": "configmaps"}


async def test_a_missing_object_is_not_found(kube: Kube, namespace: str) -> None:
    answer = await kube.get(f"/apis/batch/v1/namespaces/{namespace}/jobs/a")
    assert (answer.status, answer.reason, answer.message) == (404, "NotFound", 'jobs.batch "a" not found')
    assert answer.body["details"] == {"name": "a", "group": "batch", "kind": "jobs"}


async def test_nothing_is_made_in_a_namespace_that_does_not_exist(kube: Kube) -> None:
    missing = unique("nowhere")
    answer = await kube.post(f"/api/v1/namespaces/{missing}/configmaps", config_map("a"))
    assert (answer.status, answer.reason, answer.message) == (404, "NotFound", f'namespaces "{missing}" not found')


@pytest.mark.parametrize("labels", [{"a": "with space"}, {"bad key": "a"}, {"a": "x" * 64}])
async def test_a_label_that_is_none_is_invalid(kube: Kube, namespace: str, labels: dict[str, str]) -> None:
    answer = await kube.post(f"/api/v1/namespaces/{namespace}/configmaps", config_map("a", labels=labels))
    assert (answer.status, answer.causes) == (422, {"metadata.labels": "FieldValueInvalid"})
