"""Whether a kubeconfig's cluster is one to try things on: demo and tests delete namespaces, kill pods and patch Jobs there."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import yaml

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT_VARIABLE: Final = "REGEN_TEST_CONTEXT"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_TEST_NAME: Final = re.compile(r"(^|[^a-z])(test|tests|testing|dev|kind|k3d|minikube)([^a-z]|$)")


def require_test_cluster(kubeconfig: Path, host: str, named: str) -> None:
    """Returns for a cluster that is named as a test cluster, or that runs on this machine.

    Args:
        kubeconfig: whose current context is asked for.
        host: the address of this machine that the cluster's pods reach.
        named: the context that the caller names as a test cluster's (``REGEN_TEST_CONTEXT``); empty for none.

    Raises:
        ValueError: it is neither.
    """
    config: dict[str, Any] = yaml.safe_load(kubeconfig.read_text(encoding="utf-8")) or {}
    context = str(config.get("current-context") or "")
    if context and (context == named or _TEST_NAME.search(context.lower()) or _server(config, context) in {host, *_LOOPBACK}):
        return
    msg = (
        f"KUBECONFIG: expected the context of a test cluster, got {context or 'none'}: its name does not say so and its API is "
        f"not on this machine; set {CONTEXT_VARIABLE}={context or '<context>'} if it is one"
    )
    raise ValueError(msg)


def _server(config: dict[str, Any], context: str) -> str:
    """The host of the context's API server; empty where the file does not say."""
    clusters = {entry["name"]: entry["cluster"] for entry in config.get("clusters") or ()}
    contexts = {entry["name"]: entry["context"] for entry in config.get("contexts") or ()}
    cluster = clusters.get(contexts.get(context, {}).get("cluster"), {})
    name = urlsplit(str(cluster.get("server") or "")).hostname or ""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name
