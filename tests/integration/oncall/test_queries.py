"""Does a real Prometheus, fed by a running operator, answer every query of the dashboard and evaluate every alert?"""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
import yaml

from tests.chart.test_alerts import NAMES, RULES
from tests.chart.test_dashboard import QUERIES
from tests.integration.oncall.conftest import OPERATOR
from tests.not_proven import program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.oncall.conftest import OnCall

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("oncall")]
SECONDS = 60.0
WITHOUT_TROUBLE = {"regen_operator_database_errors_total"}
"""Metrics that have no series as long as all is well."""


class Prometheus:
    """One server; it scrapes every half second."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def get(self, path: str, **parameters: str) -> Any:
        async with self._session.get(f"{self.url}{path}", params=parameters) as response:
            answer = await response.json()
        assert response.status == 200, answer
        return answer["data"]

    async def query(self, text: str) -> list[dict[str, Any]]:
        """The instant vector, with the dashboard's variables as Grafana fills them in."""
        for name, value in {"$namespace": ".*", "$type": ".*", "$__rate_interval": "30s"}.items():
            text = text.replace(name, value)
        found: list[dict[str, Any]] = (await self.get("/api/v1/query", query=text))["result"]
        return found

    async def until(self, text: str) -> list[dict[str, Any]]:
        async with asyncio.timeout(SECONDS):
            while not (found := await self.query(text)):  # noqa: ASYNC110 - nothing tells us of a scrape
                await asyncio.sleep(0.2)
        return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def prometheus(on_call: OnCall, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Prometheus]:
    server = program("prometheus")
    folder: Path = tmp_path_factory.mktemp("prometheus")
    target = urlsplit(on_call.stack.health_url(OPERATOR)).netloc
    labelled = {"targets": [target], "labels": {"namespace": "regen", "pod": OPERATOR}}
    config = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "regen-operator", "static_configs": [labelled]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    port = _free_port()
    arguments = {"config.file": folder / "prometheus.yml", "storage.tsdb.path": folder / "data", "log.level": "warn"}
    arguments |= {"web.listen-address": f"127.0.0.1:{port}"}
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            server, *(f"--{name}={value}" for name, value in arguments.items()), stdout=log, stderr=log
        )
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            server = Prometheus(f"http://127.0.0.1:{port}", session)
            async with asyncio.timeout(SECONDS):
                while True:
                    try:
                        await server.get("/api/v1/status/buildinfo")
                        break
                    except aiohttp.ClientError:
                        assert process.returncode is None, (folder / "log").read_text()
                        await asyncio.sleep(0.1)
            # Two scrapes make a rate; the counts of two jobs make the rest.
            await server.until("rate(regen_build_info[30s]) and on () (regen_operator_leader == 1)")
            await server.until("sum(max by (type) (regen_jobs_finished_total)) > 0")
            await server.until('regen_queue_jobs{type="probe_count", reason="CapType"} == 1')
            yield server
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize("query", QUERIES)
async def test_a_query_of_the_dashboard_is_answered(prometheus: Prometheus, query: str) -> None:
    found = await prometheus.query(query)
    assert found or any(name in query for name in WITHOUT_TROUBLE), "no panel stays empty while all is well"


async def test_every_alert_is_evaluated_and_none_fires_while_all_is_well(prometheus: Prometheus) -> None:
    """An evaluation from before the first scrape may find no leader yet: the state must settle, and nothing may ever fire."""
    # A type that may not run at all waits behind its cap: that is what this stack is told to do.
    expected = {"RegenClaimSaturated"}
    async with asyncio.timeout(SECONDS):
        while True:
            [group] = (await prometheus.get("/api/v1/rules"))["groups"]
            assert "err" not in {rule["health"] for rule in group["rules"]}, json.dumps(group)
            assert {rule["name"] for rule in group["rules"] if rule["state"] == "firing"} <= expected
            evaluated = {rule["health"] for rule in group["rules"]} == {"ok"}
            if evaluated and {rule["name"] for rule in group["rules"] if rule["state"] == "pending"} <= expected:
                break
            await asyncio.sleep(0.2)
    assert [rule["name"] for rule in group["rules"]] == NAMES
