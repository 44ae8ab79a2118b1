"""Does every value have its comment and its effect, and is what is no value refused?"""

from __future__ import annotations

from typing import Any

import helm_python
import pytest
import yaml

from tests.chart.documentation import COMMENT, README, SCHEMA, VALUES, leaves, readme, schema_text
from tests.chart.rendering import REQUIRED, find, merged, objects, texts

DEFAULTS: dict[str, Any] = yaml.safe_load(VALUES.read_text(encoding="utf-8"))
LEAVES = leaves(DEFAULTS)
OTHER: dict[str, Any] = {
    "operator.imagePullPolicy": "Always",
    "operator.listenSecret": {"name": "direct", "key": "url"},
    "operator.crNamespaces": ["team-a"],
    "operator.env": {"REGEN_CAP_TOTAL": "7"},
    "operator.priorityClassName": "important",
    "operator.dnsPolicy": "None",
    "operator.dnsConfig": {"nameservers": ["10.0.0.10"]},
    "operator.hostAliases": [{"ip": "10.0.3.7", "hostnames": ["db"]}],
    "operator.tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "runner.imagePullPolicy": "Always",
    "runner.outputUrl": "s3://other/prefix",
    "runner.sourceSecret": "sources",
    "runner.sourcePrefixes": ["s3://uploads/"],
    "runner.sourceHosts": ["*.example.com"],
    "runner.signingKeySecret": {"name": "provenance", "key": "ed25519"},
    "runner.cpu": "250m",
    "runner.memory": "1Gi",
    "runner.hostUsers": False,
    "runner.priorityClassName": "batch",
    "runner.dnsPolicy": "None",
    "runner.dnsConfig": {"nameservers": ["10.0.0.10"]},
    "runner.hostAliases": [{"ip": "10.0.3.7", "hostnames": ["db"]}],
    "runner.tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "runner.topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
    "network.openEgress.except": ["10.0.0.0/8"],
    "admission.actions": ["Warn", "Audit"],
    "classes": {"document": {"timeLimitSeconds": 7}},
    "api.imagePullPolicy": "Always",
    "api.env": {"REGEN_ROLE_CLAIM": "groups"},
    "api.oidc": {"issuer": "https://id.example", "audience": "other"},
    "api.resources": {"requests": {"cpu": "1"}},
    "api.networkPolicy.from": [{"podSelector": {}}],
    "api.networkPolicy.egress": [{"ports": [{"port": 5433}]}],
    "api.networkPolicy.egressPorts": [5433],
    "monitoring.scrapeFrom": [{"podSelector": {}}],
    "monitoring.serviceMonitor.interval": "15s",
}
API: dict[str, Any] = {"enabled": True, "oidc": {"issuer": "https://id.example", "audience": "regen"}}
BY_NAME: dict[str, Any] = {
    "cidrs": ["10.77.0.0/16"],
    "ports": [7777],
    "databaseSecret": {"name": "other", "key": "dsn"},
}
CONTEXT: dict[str, dict[str, Any]] = {
    "network.openEgress.cidrs": {"classes": {"fetch": {"timeLimitSeconds": 1, "egress": "open"}}},
    "network.openEgress.except": {"classes": {"fetch": {"timeLimitSeconds": 1, "egress": "open"}}},
    "network.sources.ports": {"network": {"sources": {"cidrs": ["10.9.0.0/16"]}}},
    "api.enabled": {"api": {"oidc": API["oidc"]}},
    "api.ingress.enabled": {"api": {**API, "ingress": {"host": "regen.example"}}},
    "api.ingress": {"api": {**API, "ingress": {"enabled": True, "host": "regen.example"}}},
    "api": {"api": API},
    "monitoring.serviceMonitor.enabled": {},
    "monitoring.serviceMonitor": {"monitoring": {"serviceMonitor": {"enabled": True}}},
    "monitoring.rules.enabled": {},
    "monitoring.rules": {"monitoring": {"rules": {"enabled": True}}},
    "monitoring.dashboard.enabled": {},
    "monitoring.dashboard": {"monitoring": {"dashboard": {"enabled": True}}},
}
"""What else must be set for a value, or for all below it, to matter."""


def nested(name: str, value: Any) -> dict[str, Any]:
    for key in reversed(name.split(".")):
        value = {key: value}
    return dict(value)


def other(name: str, default: Any) -> Any:
    """Another legal value."""
    if name in OTHER:
        return OTHER[name]
    last = name.rpartition(".")[2]
    if last in BY_NAME:
        return BY_NAME[last]
    if isinstance(default, str):
        return f"{default}x"
    return {bool: lambda: not default, int: lambda: default + 1, list: lambda: ["x"], dict: lambda: {"x": "1"}}[type(default)]()


@pytest.mark.parametrize("name", LEAVES)
def test_a_value_changes_what_is_rendered(name: str) -> None:
    context = next((more for prefix, more in CONTEXT.items() if f"{name}.".startswith(f"{prefix}.")), {})
    changed = merged(context, nested(name, other(name, LEAVES[name])))
    if name == "requireDigests":
        with pytest.raises(helm_python.HelmError, match=r"operator\.image is .* name the image by digest"):
            texts(changed)
        return
    assert texts(changed) != texts(context)


def test_every_value_is_told() -> None:
    told = [name for name, _ in COMMENT.findall(VALUES.read_text(encoding="utf-8"))]
    assert told == list(LEAVES)


def test_the_readme_and_the_schema_are_those_of_today() -> None:
    """``make chart`` writes both."""
    text = README.read_text(encoding="utf-8")
    assert text == readme(text)
    assert SCHEMA.read_text(encoding="utf-8") == schema_text()


SECTIONS = sorted({".".join(name.split(".")[:depth]) for name in LEAVES for depth in range(1, name.count(".") + 1)})


@pytest.mark.parametrize("section", ["", *SECTIONS, "classes.document", "operator.databaseSecret", "runner.databaseSecret"])
def test_an_unknown_key_is_refused(section: str) -> None:
    name = f"{section}.unknwon".lstrip(".")
    with pytest.raises(helm_python.HelmValuesError, match="'unknwon' not allowed"):
        texts(nested(name, 1))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"runner": {"outputUrl": ""}}, "runner.outputUrl is empty. Set it to s3://bucket/prefix"),
        ({"network": {"database": {"cidrs": []}}}, "network.database.cidrs is empty. Set the addresses"),
        ({"network": {"store": {"cidrs": []}}}, "network.store.cidrs is empty. Set the addresses"),
        ({"runner": {"namespace": "regen"}}, "runner.namespace is the release's namespace. Choose another"),
        ({"operator": {"env": {"REGEN_NAMESPACE": "x"}}}, "invalid propertyName 'REGEN_NAMESPACE'"),
        ({"operator": {"env": {"PYTHONPATH": "x"}}}, "invalid propertyName 'PYTHONPATH'"),
        ({"classes": {"Document": {"timeLimitSeconds": 1}}}, "invalid propertyName 'Document'"),
        ({"classes": {"document": {"memory": "lots"}}}, "/classes/document/memory"),
        ({"classes": {"document": {"command": ["sh"]}}}, "'command' not allowed"),
    ],
)
def test_a_wrong_value_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(helm_python.HelmError) as refused:
        texts(values)
    assert message in str(refused.value)


def test_images_by_digest_are_taken_where_they_are_required() -> None:
    digest = "@sha256:" + "0" * 64
    values = {"requireDigests": True, "operator": {"image": f"o{digest}"}, "runner": {"image": f"r{digest}"}}
    assert texts(values)
    with pytest.raises(helm_python.HelmError, match=r"classes\.export\.image is .* name the image by digest"):
        texts(merged(values, {"classes": {"export": {"image": "mine:1"}}}))
    with pytest.raises(helm_python.HelmError, match=r"api\.image is .* name the image by digest"):
        texts(merged(values, {"api": {**API, "image": "api:1"}}))


FETCH: dict[str, Any] = {"classes": {"fetch": {"timeLimitSeconds": 1, "egress": "open"}}}


def open_blocks(**open_egress: list[str]) -> list[dict[str, Any]]:
    """The addresses that a class with `egress: open` may reach."""
    policy = find(objects({**FETCH, "network": {"openEgress": open_egress}}), "NetworkPolicy", "regen-runner-open-egress")
    return [one["ipBlock"] for one in policy["spec"]["egress"][0]["to"]]


def test_private_networks_are_excepted_from_everywhere_and_from_nothing_else() -> None:
    everywhere, narrow, everywhere6, narrow6 = open_blocks(cidrs=["0.0.0.0/0", "203.0.113.0/24", "::/0", "2000::/3"])
    assert "10.0.0.0/8" in everywhere["except"]
    assert everywhere6 == {"cidr": "::/0", "except": ["fc00::/7", "fe80::/10"]}
    assert [narrow, narrow6] == [{"cidr": "203.0.113.0/24"}, {"cidr": "2000::/3"}]
    mixed = {"except": ["10.0.0.0/8"]}
    assert open_blocks(cidrs=["0.0.0.0/0", "::/0"], **mixed) == [{"cidr": "0.0.0.0/0", **mixed}, {"cidr": "::/0"}]
    assert open_blocks(cidrs=["0.0.0.0/0"], **{"except": []}) == [{"cidr": "0.0.0.0/0"}]


@pytest.mark.parametrize("cidr", ["0.0.0.0/1", "128.0.0.0/1", "0.0.0.0/00", "8.0.0.0/7", "10.1.2.3/0", "8000::/1", "0::0/0"])
def test_a_part_of_everywhere_that_no_exception_would_hold_for_is_refused(cidr: str) -> None:
    with pytest.raises(helm_python.HelmError, match=r"network\.openEgress\.cidrs has .*\. Use 0\.0\.0\.0/0") as refused:
        open_blocks(cidrs=["192.0.2.0/24", cidr])
    assert f"has {cidr}. Use" in str(refused.value)


def test_the_api_reads_where_the_runner_writes_whatever_the_address_holds() -> None:
    """The kubelet takes $(NAME) for a reference and $$ for $; the operator writes $$ for the runner."""
    found = objects({"api": API, "runner": {"outputUrl": "s3://bucket/$(HOME)/$$x"}})
    [container] = find(found, "Deployment", "regen-api")["spec"]["template"]["spec"]["containers"]
    assert {"name": "REGEN_OUTPUT_URL", "value": "s3://bucket/$$(HOME)/$$$$x"} in container["env"]


def test_the_required_values_are_required_alone() -> None:
    assert texts({}) == texts(REQUIRED)
