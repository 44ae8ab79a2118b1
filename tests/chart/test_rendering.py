"""Is the default rendering what it was, valid for Kubernetes 1.36, and free of findings that nobody has looked at?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

from regen_operator.launch.job import build_job
from regen_operator.launch.order import JobOrder
from tests.chart.rendering import CHART, REQUIRED, classes_of, find, objects, texts

Json = dict[str, Any]
KUBERNETES = "1.36"
SNAPSHOT = Path(__file__).parent / "default.yaml"
ANOTHER_KIND = {"CustomResourceDefinition", "PrometheusRule", "ServiceMonitor"}
"""Checked by tests of their own: their schemas are not among Kubernetes' published ones."""
FULL: Json = {
    "operator": {
        "crNamespaces": ["team-a"],
        "listenSecret": {"name": "direct", "key": "url"},
        "imagePullSecrets": ["registry"],
        "priorityClassName": "important",
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["10.0.0.10"]},
        "hostAliases": [{"ip": "10.0.3.7", "hostnames": ["db"]}],
    },
    "runner": {
        "signingKeySecret": {"name": "provenance", "key": "ed25519"},
        "hostUsers": False,
        "imagePullSecrets": ["registry"],
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
    },
    "network": {"sources": {"cidrs": ["10.9.0.0/16"]}, "apiServer": {"cidrs": ["10.96.0.1/32"]}},
    "classes": {"fetch": {"timeLimitSeconds": 1, "egress": "open", "runtimeClassName": "gvisor", "cpuLimit": "2"}},
    "monitoring": {
        "scrapeFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "rules": {"enabled": True},
        "dashboard": {"enabled": True},
    },
}


def test_the_default_rendering_is_the_snapshot() -> None:
    """``REGEN_WRITE_SNAPSHOT=1`` writes it anew; the difference is then for the reviewer."""
    rendered = "".join(
        f"# {name}\n{text.strip()}\n" for name, text in texts().items() if name.endswith(".yaml") and name != "crd.yaml"
    )
    if os.environ.get("REGEN_WRITE_SNAPSHOT") == "1":
        SNAPSHOT.write_text(rendered, encoding="utf-8")
    assert rendered == SNAPSHOT.read_text(encoding="utf-8")


@pytest.mark.parametrize("values", [{}, FULL], ids=["defaults", "all"])
def test_every_object_is_valid(values: Json) -> None:
    found = objects(values)
    given = classes_of(found)
    jobs = [build_job(JobOrder("a", kind, "regen-runs", 300), given, given.by_type[kind]) for kind in given.types]
    for one in [*found, *jobs]:
        if one["kind"] not in ANOTHER_KIND:
            kubernetes_validate.validate(one, KUBERNETES, strict=True)


def test_helm_lint_finds_nothing() -> None:
    report = helm_python.lint(CHART, REQUIRED, strict=True, kube_version="v1.36.0")
    worse_than_info = [one for one in report["messages"] if one["severity"] > 1]
    assert (report["errors"], worse_than_info) == ([], [])


def test_our_own_pods_pass_pod_security_restricted() -> None:
    found = objects()
    for kind, name in (("Deployment", "regen-operator"), ("Job", "regen-migrate")):
        spec = find(found, kind, name)["spec"]["template"]["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert {key for volume in spec["volumes"] for key in volume} <= {"name", "configMap", "emptyDir"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "limits" in container["resources"]


def test_the_runner_namespace_enforces_pod_security() -> None:
    labels = find(objects(), "Namespace", "regen-runs")["metadata"]["labels"]
    modes = {key: value for key, value in labels.items() if key.startswith("pod-security.kubernetes.io/")}
    assert modes == {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}


def test_no_object_holds_a_secret() -> None:
    found = objects(FULL)
    assert [one["metadata"]["name"] for one in found if one["kind"] == "Secret"] == []
    text = yaml.safe_dump_all(found)
    assert "postgresql://" not in text
    assert "AWS_SECRET_ACCESS_KEY" not in text


def test_every_accepted_finding_of_a_scan_has_its_reason() -> None:
    lines = (CHART / ".checkov.yaml").read_text(encoding="utf-8").splitlines()
    skipped = [index for index, line in enumerate(lines) if line.startswith("  - CKV")]
    assert skipped
    for index in skipped:
        assert lines[index - 1].startswith("  # ")
        assert len(lines[index - 1]) > 40
