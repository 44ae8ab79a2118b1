"""Does a ServiceMonitor lead, by its Service, to the port that answers, and is in whom the NetworkPolicy is told to let in?"""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart.rendering import find, objects, texts
from tests.chart.test_network import matches

Json = dict[str, Any]
PROMETHEUS = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
ON: Json = {
    "monitoring": {"scrapeFrom": [PROMETHEUS], "serviceMonitor": {"enabled": True, "labels": {"release": "x"}}},
    "api": {"enabled": True, "oidc": {"issuer": "https://id.example", "audience": "regen"}},
}


@pytest.mark.parametrize("part", ["operator", "api"])
def test_a_service_monitor_leads_to_a_port_of_the_pods(part: str) -> None:
    found = objects(ON)
    monitor = find(found, "ServiceMonitor", f"regen-{part}")
    assert monitor["metadata"]["labels"]["release"] == "x"
    services = [
        one for one in found if one["kind"] == "Service" and matches(monitor["spec"]["selector"], one["metadata"]["labels"])
    ]
    assert [one["metadata"]["name"] for one in services] == [f"regen-{part}"]
    [port] = services[0]["spec"]["ports"]
    assert [one["port"] for one in monitor["spec"]["endpoints"]] == [port["name"]]
    template = find(found, "Deployment", f"regen-{part}")["spec"]["template"]
    assert matches({"matchLabels": services[0]["spec"]["selector"]}, template["metadata"]["labels"])
    assert port["targetPort"] in [one["name"] for one in template["spec"]["containers"][0]["ports"]]


def test_only_the_named_peers_reach_the_operator_and_only_its_health_port() -> None:
    [rule] = find(objects(ON), "NetworkPolicy", "regen-operator")["spec"]["ingress"]
    assert rule == {"ports": [{"port": "health", "protocol": "TCP"}], "from": [PROMETHEUS]}
    assert "ingress" not in find(objects(), "NetworkPolicy", "regen-operator")["spec"]


def test_without_an_api_there_is_no_monitor_of_it() -> None:
    found = objects({"monitoring": ON["monitoring"]})
    assert [one["metadata"]["name"] for one in found if one["kind"] == "ServiceMonitor"] == ["regen-operator"]


def test_a_monitor_that_nobody_can_follow_is_told() -> None:
    said = "monitoring.scrapeFrom is empty"
    monitor = {"serviceMonitor": {"enabled": True}}
    assert said in texts({"monitoring": monitor})["NOTES.txt"]
    assert said not in texts({"monitoring": {**monitor, "scrapeFrom": [PROMETHEUS]}})["NOTES.txt"]
    assert said not in texts()["NOTES.txt"]
