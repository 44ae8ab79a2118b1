"""Is a cluster touched only where its context is named as a test cluster's, or it runs on this machine?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from regen_stack.outside import require_test_cluster

if TYPE_CHECKING:
    from pathlib import Path

ELSEWHERE = "https://api.platform.example:6443"
HERE = "https://10.250.0.1:6443"


def kubeconfig(folder: Path, context: str, server: str = ELSEWHERE) -> Path:
    path = folder / "kubeconfig"
    content = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
        "current-context": context,
    }
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("context", ["test", "kind-regen", "k3d-x", "eu-test-1", "team/dev", "minikube"])
def test_a_name_that_says_so_is_enough(tmp_path: Path, context: str) -> None:
    require_test_cluster(kubeconfig(tmp_path, context), "10.250.0.1", "")


@pytest.mark.parametrize("server", [HERE, "https://127.0.0.1:6443", "https://[::1]:6443", "https://localhost:1"])
def test_a_cluster_on_this_machine_is_enough(tmp_path: Path, server: str) -> None:
    require_test_cluster(kubeconfig(tmp_path, "x", server), "10.250.0.1", "")


def test_the_caller_may_name_it(tmp_path: Path) -> None:
    require_test_cluster(kubeconfig(tmp_path, "staging"), "10.250.0.1", "staging")


@pytest.mark.parametrize("context", ["production", "latest", "kindly", "contest", "prod"])
def test_anything_else_is_refused_by_name(tmp_path: Path, context: str) -> None:
    with pytest.raises(ValueError, match=f"KUBECONFIG: expected the context of a test cluster, got {context}"):
        require_test_cluster(kubeconfig(tmp_path, context), "10.250.0.1", "other")


def test_a_file_without_a_context_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_text("")
    with pytest.raises(ValueError, match="got none"):
        require_test_cluster(path, "10.250.0.1", "")
