"""Is the dashboard one that Grafana can lay out, of metrics that exist, and does the cluster get it word for word?"""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest

from regen_operator.telemetry.metrics import Metrics
from tests.chart.rendering import CHART, find, objects
from tests.repo.metrics_reference import exposed_name, families, labels

Json = dict[str, Any]
TEXT = (CHART / "dashboard.json").read_text(encoding="utf-8")
DASHBOARD: Json = json.loads(TEXT)
PANELS: list[Json] = DASHBOARD["panels"]
QUERIES = [target["expr"] for panel in PANELS for target in panel.get("targets", [])]
SCRAPED = {"namespace", "pod"}
"""Labels that Prometheus adds when it scrapes."""
KNOWN = {exposed_name(one): set(labels(one)) | SCRAPED for one in families(Metrics(["document"]))}
KNOWN |= {f"{name}_bucket": names | {"le"} for name, names in KNOWN.items() if name.endswith("_seconds")}


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_names_metrics_and_labels_that_exist(query: str) -> None:
    named = re.findall(r"\b(regen_[a-z_]+)\{([^}]*)\}", query)
    assert named or "process_" in query
    for metric, matchers in named:
        assert metric in KNOWN
        assert set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", matchers)) <= KNOWN[metric]
    assert query.count('namespace=~"$namespace"') == len(re.findall(r"\b(?:regen|process)_[a-z_]+\{", query)) > 0


def test_what_is_asked_for_is_told() -> None:
    rows = [panel["title"] for panel in PANELS if panel["type"] == "row"]
    assert {"Queue", "Flow", "Failures", "Latency by phase", "Saturation"} <= set(rows)


def test_panels_have_places_of_their_own() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    boxes = [(p["gridPos"]["x"], p["gridPos"]["y"], p["gridPos"]["w"], p["gridPos"]["h"]) for p in PANELS]
    assert all(x >= 0 and w > 0 and x + w <= 24 for x, _, w, _ in boxes)
    for (ax, ay, aw, ah), (bx, by, bw, bh) in itertools.combinations(boxes, 2):
        assert ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay


def test_every_panel_asks_the_chosen_data_source() -> None:
    for panel in PANELS:
        for one in (panel, *panel["targets"]) if panel["type"] != "row" else ():
            assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert [one["name"] for one in DASHBOARD["templating"]["list"]] == ["datasource", "namespace", "type"]


def test_the_cluster_gets_it_word_for_word() -> None:
    found = find(objects({"monitoring": {"dashboard": {"enabled": True}}}), "ConfigMap", "regen-dashboard")
    assert found["data"]["regen.json"] == TEXT
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert [one for one in objects() if one["metadata"]["name"] == "regen-dashboard"] == []
