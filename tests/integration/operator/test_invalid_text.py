"""Does a job end, and the others of its round, if the cluster returns text that the database cannot store?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from regen_core.errors import Classification, JobError
from regen_core.states import Caps, Claim, Fail, FailCondition
from regen_operator.main import Operator
from regen_operator.rows.failing import fail_rows
from tests.faults.http_proxy import HttpProxy
from tests.integration.operator.test_restored_database import lead_through

if TYPE_CHECKING:
    from pathlib import Path

    from kubelite.api import KubernetesAPI
    from regen_operator.launch.classes import Classes
    from regen_operator.rows.database import Database as OperatorDatabase
    from regen_operator.settings import Settings
    from tests.integration.operator.conftest import Running
    from tests.integration.operator.world import World


async def test_a_refusal_with_a_nul_ends_its_job(world: World, api: KubernetesAPI, kubeconfig: Path, running: Running) -> None:
    words = {
        "kind": "Status",
        "status": "Failure",
        "reason": "Inva\0lid",
        "message": "denied the request: \0 \ud800",
        "code": 422,
    }
    port = urlsplit(api.url).port
    assert port is not None
    async with HttpProxy(port) as proxy:
        lead_through(kubeconfig, api.url, proxy.port)
        refusal = proxy.add("POST", "/namespaces/regen-runs/jobs", times=1000, status=422, body=json.dumps(words).encode())
        async with running():
            row = await world.until_status(await world.insert(), "FAILED")
    assert row["errorJson"]["classification"] == "internal"
    assert "denied the request: \N{REPLACEMENT CHARACTER} ?" in row["errorJson"]["message"]
    assert refusal.met == 1


async def test_an_error_that_the_database_refuses_keeps_no_job_from_its_end(
    world: World, db: OperatorDatabase, settings: Settings, classes: Classes
) -> None:
    bad, good = await world.insert(), await world.insert()
    await db.claim(Claim(2, Caps(), frozenset(classes.types)))
    operator = Operator(settings, classes)
    await operator.database.open()
    try:
        error = JobError(Classification.RESOURCES, "words with a \0", detail={"reason": "OOM\0"})
        fails = [
            Fail(bad, error, FailCondition.NO_FENCE),
            Fail(good, JobError(Classification.LOST, "gone"), FailCondition.NO_FENCE),
        ]
        assert await fail_rows(operator.database, fails) == {bad, good}
    finally:
        await operator.database.close()
    assert (await world.row(good))["errorJson"]["message"] == "gone"
    assert (await world.row(bad))["errorJson"]["classification"] == "resources"
    assert (await world.row(bad))["errorJson"]["message"] == "the database cannot store the error's message"
