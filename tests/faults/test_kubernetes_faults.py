"""Does a job end once and rightly whatever the Kubernetes API, its watches, its clocks and its people do?

Between the operator and the embedded API stands a proxy that answers in its place or loses its answers. What only a real
cluster's kubelet and controllers can show is in docs/reliability.md, and skipped there.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from regen_core.names import job_name
from regen_stack.config import DATABASE_SECRET
from tests.faults import http_proxy
from tests.faults.case import OPERATOR, Case
from tests.faults.http_proxy import HttpProxy
from tests.faults.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_mock import MockerFixture

    from regen_stack.stack import Stack
    from tests.faults.control import Control

pytestmark = pytest.mark.asyncio(loop_scope="session")
exhaustive = pytest.mark.exhaustive

JOBS_PATH = "/apis/batch/v1/namespaces/regen-runs/jobs"
SECOND = "operator-beside"


@pytest_asyncio.fixture(loop_scope="session")
async def behind(faulty: tuple[Stack, Control]) -> AsyncIterator[tuple[Case, HttpProxy]]:
    """A case whose operator reaches the API through a proxy."""
    stack, control = faulty
    control.plan()
    port = urlsplit(stack.api.url).port
    assert port is not None
    async with HttpProxy(port) as proxy, Case(stack, control) as case:
        case.settings |= case.operator_through(proxy.port)
        yield case, proxy


def status(code: int, reason: str, message: str = "as the test says") -> dict[str, Any]:
    """An answer as the API server gives it."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code}
    return {"status": code, "body": json.dumps(body).encode(), "headers": {"Content-Type": "application/json"}}


async def completes(case: Case, *more: str) -> None:
    """One job runs, once, to its good end."""
    job_id = case.insert("probe_count", {"seconds": 1}, job_id=case.new_id("job"))
    await case.start_operator()
    ending = await case.conclude()
    assert (ending.jobs, ending.violations) == ({job_id: "COMPLETED"}, [])
    said = case.said()
    assert [words for words in more if words not in said] == []


# -- answers that are late, lost or refusals ----------------------------------------------------------------------------


async def test_a_job_that_was_made_and_whose_answer_was_lost(behind: tuple[Case, HttpProxy]) -> None:
    """A read that is behind does not show it, so that the next launch meets our own older Job."""
    case, proxy = behind
    rule = proxy.add("POST", JOBS_PATH, lose=True)
    proxy.add("GET", f"{JOBS_PATH}/regen-", **status(404, "NotFound"))

    async def launched_twice() -> bool:
        return sum(one.startswith(f"POST {JOBS_PATH}") for one in proxy.seen) == 2

    async with Proxy(case.port) as database, asyncio.TaskGroup() as both:
        # Else a quick pod has its fence before the operator tries again, and nothing is left to launch.
        database.freeze()
        case.runner_through(database=database.port)
        ending = both.create_task(completes(case, "job already launched"))
        await case.until("the Job is asked for again", launched_twice)
        database.thaw()
        await ending
    assert rule.met == 1


@exhaustive
async def test_a_job_whose_creation_is_answered_too_late(behind: tuple[Case, HttpProxy]) -> None:
    case, proxy = behind
    rule = proxy.add("POST", JOBS_PATH, hold=8.0)
    await completes(case)
    assert rule.met == 1


@exhaustive
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/namespaces/regen/regenerationjobs"),
        ("PATCH", "/status"),
        ("DELETE", "/namespaces/regen/regenerationjobs"),
        ("PUT", "/leases/regen-operator"),
        ("POST", "/leases"),
    ],
    ids=["the mirror", "its status", "its deletion", "the lease kept", "the lease made"],
)
async def test_a_write_whose_answer_was_lost(behind: tuple[Case, HttpProxy], method: str, path: str) -> None:
    case, proxy = behind
    rule = proxy.add(method, path, lose=True)
    await completes(case)
    assert rule.met == 1


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param({**status(429, "TooManyRequests"), "headers": {"Retry-After": "1"}}, id="429", marks=exhaustive),
        pytest.param(status(500, "InternalError"), id="500", marks=exhaustive),
        pytest.param(status(503, "ServiceUnavailable"), id="503", marks=exhaustive),
        pytest.param(status(401, "Unauthorized"), id="401", marks=exhaustive),
        pytest.param(status(403, "Forbidden", 'cannot create resource "jobs"'), id="403 role", marks=exhaustive),
        pytest.param(status(403, "Forbidden", "exceeded quota: runs, requested: pods=1"), id="403 quota", marks=exhaustive),
        pytest.param(status(409, "Conflict"), id="409", marks=exhaustive),
        pytest.param(status(404, "NotFound"), id="404", marks=exhaustive),
    ],
)
async def test_a_launch_that_is_refused_for_a_while(behind: tuple[Case, HttpProxy], refusal: dict[str, Any]) -> None:
    case, proxy = behind
    rule = proxy.add("POST", JOBS_PATH, times=2, **refusal)
    await completes(case)
    assert rule.met == 2


@exhaustive
async def test_a_launch_that_admission_refuses_ends_the_job_at_once(behind: tuple[Case, HttpProxy]) -> None:
    case, proxy = behind
    proxy.add("POST", JOBS_PATH, **status(403, "Forbidden", "ValidatingAdmissionPolicy denied request: not like this"))
    job_id = case.insert("probe_count", {}, job_id=case.new_id("refused"))
    await case.start_operator()
    ending = await case.conclude()
    assert (ending.jobs, ending.violations) == ({job_id: "FAILED internal"}, [])


@exhaustive
@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(status(500, "InternalError"), id="500"),
        pytest.param(status(401, "Unauthorized"), id="401"),
        pytest.param(status(403, "Forbidden"), id="403"),
        pytest.param(status(410, "Expired"), id="410"),
    ],
)
async def test_every_read_refused_for_a_while(behind: tuple[Case, HttpProxy], refusal: dict[str, Any]) -> None:
    """Watches and lists among them."""
    case, proxy = behind
    proxy.add("GET", "/namespaces/", times=12, **refusal)
    await completes(case)


@exhaustive
@pytest.mark.parametrize("seconds", [20, 120])
async def test_an_api_that_is_away_while_a_job_runs(behind: tuple[Case, HttpProxy], seconds: int) -> None:
    """The pod needs no API: it ends its job. The operator catches up when it can.

    A job that it claims before its lease is over may be lost at its pending deadline; what comes later waits.
    """
    case, proxy = behind

    async def no_longer_leads() -> bool:
        return "leadership lost" in case.said()

    first = case.insert("probe_count", {"seconds": 2}, job_id=case.new_id("first"))
    await case.start_operator()
    await case.started(first)
    proxy.add("GET", "", times=10**9, **status(503, "ServiceUnavailable"))
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        proxy.add(method, "", times=10**9, **status(503, "ServiceUnavailable"))
    await case.ended()
    await case.until("the operator no longer leads", no_longer_leads)
    second = case.insert("probe_count", {}, job_id=case.new_id("second"))
    await asyncio.sleep(seconds)  # the fault itself: it lasts so long
    proxy.rules.clear()
    ending = await case.conclude(away_seconds=seconds)
    assert (ending.jobs, ending.violations) == ({first: "COMPLETED", second: "COMPLETED"}, [])


# -- watches and lists --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param("silent", marks=exhaustive),
        pytest.param("every_other_dropped", marks=exhaustive),
        pytest.param("doubled"),
        pytest.param("reordered", marks=exhaustive),
    ],
)
async def test_a_watch_that_lies(behind: tuple[Case, HttpProxy], fault: str) -> None:
    """One job that completes, and one whose death nobody but a watch or a resync tells."""
    case, proxy = behind
    proxy.watch = getattr(http_proxy, fault)
    good = case.insert("probe_count", {"seconds": 1}, job_id=case.new_id("good"))
    dying = case.insert("probe_count", {"seconds": 8}, job_id=case.new_id("dying"))
    await case.start_operator()
    await case.started(dying)
    kill_pods(case, dying)
    ending = await case.conclude()
    assert (ending.jobs, ending.violations) == ({good: "COMPLETED", dying: "FAILED executor"}, [])


@exhaustive
async def test_a_list_that_is_stale(behind: tuple[Case, HttpProxy]) -> None:
    """The list of custom resources and that of Jobs say for a while what was so before there were any."""
    case, proxy = behind
    empty = {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "1"}, "items": []}
    answer = {"status": 200, "body": json.dumps(empty).encode(), "headers": {"Content-Type": "application/json"}}
    proxy.add("GET", "/namespaces/regen/regenerationjobs?limit=", times=6, **answer)
    proxy.add("GET", f"{JOBS_PATH}?", times=6, **answer)
    await completes(case)


def kill_pods(case: Case, job_id: str) -> None:
    """SIGKILL to whatever runs in the pods of a job, as the kernel or a person on the node would."""
    for pod in case.cluster.list("pods", case.runs):
        if pod["metadata"]["labels"].get("job-name") == job_name(job_id):
            for pid in case.stack.node.kubelet.process_ids.get(pod["metadata"]["uid"], []):
                os.killpg(pid, signal.SIGKILL)


# -- leaders ------------------------------------------------------------------------------------------------------------


@exhaustive
async def test_a_leader_that_is_stopped_past_its_lease_and_goes_on(behind: tuple[Case, HttpProxy]) -> None:
    """While it is stopped another leads. When it goes on it believes for a moment that it leads, and does no harm."""
    case, _ = behind
    ids = [case.insert("probe_count", {"seconds": 1}, job_id=case.new_id("two")) for _ in range(3)]
    await case.start_operator()
    await case.started(ids[0])
    first = case.stack.operators[OPERATOR]
    first.send_signal(signal.SIGSTOP)
    try:
        await case.stack.start_operator(
            SECOND, **{**case.settings, "REGEN_DATABASE_URL": case.url("operator"), "REGEN_IDENTITY": SECOND}
        )
        await case.until("the other leads", lambda: holds(case, SECOND))
        ids += [case.insert("probe_count", {"seconds": 1}, job_id=case.new_id("two")) for _ in range(3)]
        await case.claimed(ids[-1])
    finally:
        first.send_signal(signal.SIGCONT)
    await case.quiet()
    second = case.stack.operators[SECOND]
    second.terminate()
    await second.wait()
    ending = await case.conclude()
    assert (ending.jobs, ending.violations) == (dict.fromkeys(ids, "COMPLETED"), [])


@exhaustive
@pytest.mark.parametrize("seconds", [3600, -3600], ids=["ahead", "behind"])
async def test_an_operator_whose_clock_is_an_hour_off(behind: tuple[Case, HttpProxy], seconds: int) -> None:
    """It leads, dies, and one whose clock is right takes over no later and no earlier than ever."""
    case, _ = behind
    first = case.insert("probe_count", {"seconds": 1}, job_id=case.new_id("clock"))
    case.settings["FAULTS_CLOCK_SECONDS"] = str(seconds)
    await case.start_operator()
    await case.started(first)
    del case.settings["FAULTS_CLOCK_SECONDS"]
    case.stack.operators[OPERATOR].kill()
    second = case.insert("probe_count", {}, job_id=case.new_id("clock"))
    ending = await case.conclude()
    assert (ending.jobs, ending.violations) == ({first: "COMPLETED", second: "COMPLETED"}, [])


async def holds(case: Case, identity: str) -> bool:
    leases = case.cluster.list("leases.coordination.k8s.io", case.namespace)
    return any(lease["spec"].get("holderIdentity") == identity for lease in leases)


# -- pods, Jobs and people ----------------------------------------------------------------------------------------------


@exhaustive
@pytest.mark.parametrize(
    ("grace", "end"), [(None, {"FAILED lost", "COMPLETED"}), (0, {"FAILED lost"})], ids=["gracefully", "by force"]
)
async def test_a_pod_that_is_deleted(behind: tuple[Case, HttpProxy], grace: int | None, end: set[str]) -> None:
    case, _ = behind
    job_id = case.insert("probe_count", {"seconds": 3}, job_id=case.new_id("deleted"))
    await case.start_operator()
    await case.started(job_id)
    [pod] = [one for one in case.cluster.list("pods", case.runs) if "deletionTimestamp" not in one["metadata"]]
    case.cluster.delete("pods", case.runs, pod["metadata"]["name"], grace=grace)
    ending = await case.conclude()
    assert (ending.jobs[job_id] in end, ending.violations) == (True, [])


@exhaustive
async def test_a_node_that_is_cut_off_and_comes_back(behind: tuple[Case, HttpProxy], mocker: MockerFixture) -> None:
    """Its pod is deleted and its kubelet hears nothing: the executor runs on, and what publish reports then is refused."""
    case, _ = behind
    job_id = case.insert("probe_count", {"seconds": 9}, job_id=case.new_id("cut"))
    await case.start_operator()
    await case.started(job_id)
    kubelet = case.stack.node.kubelet
    deaf = mocker.patch.object(kubelet, "see_pod")
    [pod] = case.cluster.list("pods", case.runs)
    case.cluster.delete("pods", case.runs, pod["metadata"]["name"])
    await case.ended()

    async def refused() -> bool:
        logs = case.stack.folder.glob("pods/*/logs/publish")
        return any('"refused"' in log.read_text() for log in logs)

    await case.until("the late report is refused", refused)
    assert deaf.called
    mocker.stopall()
    for late in case.cluster.list("pods", case.runs):
        kubelet.see_pod("MODIFIED", late)
    ending = await case.conclude()
    assert (ending.jobs, ending.violations) == ({job_id: "FAILED lost"}, [])


@exhaustive
async def test_a_second_pod_after_a_stripped_finalizer(behind: tuple[Case, HttpProxy]) -> None:
    """The Job controller never saw the first pod end, and makes another. It finds the fence taken."""
    case, _ = behind
    job_id = case.insert("probe_count", {"seconds": 3}, job_id=case.new_id("stripped"))
    await case.start_operator()
    await case.started(job_id)
    [pod] = case.cluster.list("pods", case.runs)
    name = pod["metadata"]["name"]
    case.cluster.mutate("pods", case.runs, name, lambda found: found["metadata"].update(finalizers=[]))
    case.cluster.delete("pods", case.runs, name, grace=0)
    ending = await case.conclude()
    assert (ending.jobs, ending.violations) == ({job_id: "FAILED lost"}, [])


@exhaustive
@pytest.mark.parametrize("change", ["suspend", "parallelism", "deadline"])
async def test_a_job_that_a_person_patches(behind: tuple[Case, HttpProxy], change: str) -> None:
    """Whatever it does to the pod, the executor starts once and the job ends."""
    case, _ = behind
    patches = {"suspend": {"suspend": True}, "parallelism": {"parallelism": 0}, "deadline": {"activeDeadlineSeconds": 1}}
    job_id = case.insert("probe_count", {"seconds": 3}, job_id=case.new_id("patched"))
    await case.start_operator()
    await case.started(job_id)
    case.cluster.mutate("jobs.batch", case.runs, job_name(job_id), lambda found: found["spec"].update(patches[change]))
    ending = await case.conclude()
    assert ending.violations == []
    assert ending.jobs[job_id].startswith("FAILED"), ending.jobs


@exhaustive
async def test_a_job_that_a_person_deletes(behind: tuple[Case, HttpProxy]) -> None:
    case, _ = behind
    job_id = case.insert("probe_count", {"seconds": 3}, job_id=case.new_id("stopped"))
    await case.start_operator()
    await case.started(job_id)
    case.cluster.delete("jobs.batch", case.runs, job_name(job_id), propagation="Foreground")
    ending = await case.conclude()
    assert (ending.jobs, ending.violations) == ({job_id: "FAILED cancelled"}, [])


@exhaustive
async def test_a_failed_job_whose_time_to_live_passed_while_the_operator_was_away(behind: tuple[Case, HttpProxy]) -> None:
    """Nothing in the cluster tells of the run any more. It is lost, and not launched again."""
    case, _ = behind
    job_id = case.insert("probe_count", {"seconds": 8}, job_id=case.new_id("away"))
    await case.start_operator()
    await case.started(job_id)
    await case.kill_operator()
    kill_pods(case, job_id)

    async def no_pod_runs() -> bool:
        pods = case.cluster.list("pods", case.runs)
        return all((pod.get("status") or {}).get("phase") == "Failed" for pod in pods)

    await case.until("its pod has failed", no_pod_runs)
    case.cluster.delete("jobs.batch", case.runs, job_name(job_id), propagation="Background")
    await case.start_operator()
    ending = await case.conclude()
    assert (ending.jobs, ending.violations) == ({job_id: "FAILED lost"}, [])


@exhaustive
async def test_a_secret_that_is_missing_for_a_while(behind: tuple[Case, HttpProxy]) -> None:
    case, _ = behind
    secret = case.cluster.get("secrets", case.runs, DATABASE_SECRET)
    case.cluster.delete("secrets", case.runs, DATABASE_SECRET)
    job_id = case.insert("probe_count", {}, job_id=case.new_id("secret"))
    await case.start_operator()
    try:
        await case.ended()
    finally:
        kept = {"name": DATABASE_SECRET, "namespace": case.runs}
        case.cluster.create("secrets", case.runs, {**secret, "metadata": kept})
    ending = await case.conclude()
    assert (ending.jobs, ending.violations) == ({job_id: "FAILED internal"}, [])
