"""regen as a platform team has it: the chart in a real cluster, with PostgreSQL and S3 beside it on this machine."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import helm_python as helm

from regen_stack.config import DATABASE_SECRET, ROOT, SIGNING_FIELD, SIGNING_SECRET, STORE_SECRET
from regen_stack.forward import forward
from regen_stack.kube import Kube
from regen_stack.stack import LOOPBACK, Stack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AsyncExitStack
    from pathlib import Path

RELEASE = "regen-e2e"
CRD = "regenerationjobs.regeneration.dev"
CHART = ROOT / "charts" / "regen"
INSTALL_SECONDS = 120
TUNED = ("REGEN_SWEEP_SECONDS", "REGEN_RESYNC_SECONDS", "REGEN_PENDING_DEADLINE_SECONDS", "REGEN_LEASE_SECONDS")
"""The settings that are shorter in tests than the product's defaults."""
OPERATORS = "app.kubernetes.io/component=operator"


class Installation(Stack):
    """A stack whose operators run in the cluster; ``operators`` stays empty."""

    _crd_is_there: bool = False

    @property
    def operator_image(self) -> str:
        """The operator's image, beside the runner's."""
        return os.environ.get("REGEN_TEST_OPERATOR_IMAGE", self.config.runner_image.replace("regen-runner", "regen-operator"))

    async def _start_outside(self, cleanup: AsyncExitStack, kubeconfig: Path) -> None:
        shutil.copyfile(kubeconfig, self.kubeconfig)
        kube = Kube.from_kubeconfig(kubeconfig)
        await kube.open()
        cleanup.push_async_callback(kube.close)
        store = dict(self.store.runner_environment)
        for url in (self.superuser_url, store["AWS_ENDPOINT_URL_S3"]):
            await forward(cleanup, self.config.host, int(urlsplit(url).port or 0))
        store["AWS_ENDPOINT_URL_S3"] = self._outside(store["AWS_ENDPOINT_URL_S3"])
        for namespace in (self.config.namespace, self.config.runner_namespace):
            cleanup.push_async_callback(kube.delete, "namespaces", None, namespace)
        self._crd_is_there = await kube.find("customresourcedefinitions", None, CRD) is not None
        await kube.create("namespaces", None, _object("Namespace", self.config.namespace))
        for name, url in (
            ("regen-operator-database", self.database_url("operator")),
            ("regen-owner-database", self.superuser_url),
        ):
            await kube.create("secrets", self.config.namespace, _secret(name, {"url": self._outside(url)}))
        cleanup.push_async_callback(self.uninstall)
        await self.helm("install")
        runner = {DATABASE_SECRET: {"url": self._outside(self.database_url("runner"))}, STORE_SECRET: store}
        if self.config.signing_key is not None:
            runner[SIGNING_SECRET] = {SIGNING_FIELD: self.config.signing_key}
        for name, data in runner.items():
            await kube.create("secrets", self.config.runner_namespace, _secret(name, data))

    def _outside(self, url: str) -> str:
        return url.replace(LOOPBACK, self.config.host)

    def values(self) -> dict[str, Any]:
        """What this installation says to the chart."""
        roomy = {"timeLimitSeconds": 60}  # nothing here is about the executors' own limit
        classes = {name: keys | roomy for name, keys in self.config.classes_file(self.store.output_url)["classes"].items()}
        # An output's folder that is smaller than what its executor may write: the node evicts the pod.
        classes["probe_flood"] |= {"outputSize": "64Mi", "maxOutputBytes": 1 << 30}
        settings = self.config.settings_of_operators()
        store = self.store.runner_environment["AWS_ENDPOINT_URL_S3"]
        return {
            "crd": {"install": not self._crd_is_there},
            "clusterName": settings["REGEN_CLUSTER_NAME"],
            "operator": {
                "image": self.operator_image,
                "env": {name: settings[name] for name in TUNED} | {"REGEN_CAP_TOTAL": "6"},
            },
            "runner": {
                "namespace": self.config.runner_namespace,
                "image": self.config.runner_image,
                "outputUrl": self.store.output_url,
                "signingKeySecret": {"name": SIGNING_SECRET, "key": SIGNING_FIELD} if self.config.signing_key else None,
            },
            "network": {
                "database": {"cidrs": [f"{self.config.host}/32"], "ports": [int(urlsplit(self.superuser_url).port or 0)]},
                "store": {"cidrs": [f"{self.config.host}/32"], "ports": [int(urlsplit(store).port or 0)]},
            },
            "classes": classes,
        }

    async def helm(self, verb: str, **values: Any) -> None:
        """Installs or upgrades the release with these values on top, and waits until its operators are ready."""
        await asyncio.to_thread(self._helm, verb, _merged(self.values(), values))

    def _helm(self, verb: str, values: dict[str, Any]) -> None:
        with self._config() as config:
            run = config.install if verb == "install" else config.upgrade
            run(CHART, RELEASE, values, namespace=self.config.namespace, timeout=INSTALL_SECONDS, wait="watcher")

    async def uninstall(self) -> None:
        """Uninstalls the release, if it is there, and waits until its objects are gone."""

        def run() -> None:
            with self._config() as config:
                config.uninstall(RELEASE, ignore_not_found=True, wait="watcher", timeout=INSTALL_SECONDS)

        await asyncio.to_thread(run)

    def _config(self) -> helm.Config:
        return helm.Config(namespace=self.config.namespace, kubeconfig_path=self.kubeconfig)


def _merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``more`` laid over it, mappings key by key."""
    merged = dict(base)
    for key, value in more.items():
        merged[key] = _merged(merged[key], value) if isinstance(value, dict) and isinstance(merged.get(key), dict) else value
    return merged


def _object(kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}


def _secret(name: str, data: Mapping[str, str]) -> dict[str, Any]:
    return {**_object("Secret", name), "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}}
