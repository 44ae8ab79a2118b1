"""Where the API server is and how the operator authenticates: read by the official client, shared with kopf's watches."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import kopf
from kubernetes.aio import config as official
from kubernetes.aio.client import Configuration

from regen_core.errors import SettingsInvalid
from regen_operator.kube.kubeconfig import kubeconfig_path, read_kubeconfig

if TYPE_CHECKING:
    from collections.abc import Iterator

RELOAD_SECONDS: Final = 60.0
"""Files are read again this often: the kubelet replaces a service account's token about once an hour."""
PLUGIN_SECONDS: Final = 30.0
EXPIRY_MARGIN: Final = timedelta(seconds=2 * RELOAD_SECONDS)


@dataclass(frozen=True, slots=True)
class Login:
    """One set of credentials.

    Attributes:
        configuration: the official client's, complete.
        authorization: value of the ``Authorization`` header; None with a client certificate or without credentials.
        tls: content of the CA bundle, the client certificate and its key. A change needs new connections.
        by_plugin: whether an exec plugin issued the credentials.
        expires_at: when the plugin says that they end.
    """

    configuration: Configuration
    authorization: str | None
    tls: tuple[bytes | None, ...]
    by_plugin: bool = False
    expires_at: datetime | None = None

    @property
    def server(self) -> str:
        """The API server's URL."""
        return str(self.configuration.host)

    @property
    def is_stale(self) -> bool:
        """Whether to load again after ``RELOAD_SECONDS``: files always, a plugin only before its credentials expire."""
        if not self.by_plugin:
            return True
        return self.expires_at is not None and datetime.now(UTC) > self.expires_at - EXPIRY_MARGIN

    def same_connection(self, other: Login) -> bool:
        """Whether requests with ``other`` can use the connections of this one."""
        mine, its = self.configuration, other.configuration
        return (mine.host, mine.proxy, mine.verify_ssl, self.tls) == (its.host, its.proxy, its.verify_ssl, other.tls)

    def connection_info(self) -> kopf.ConnectionInfo:
        """The same credentials for kopf's watches."""
        found = self.configuration
        scheme, _, token = (self.authorization or "").partition(" ")
        return kopf.ConnectionInfo(
            server=self.server,
            ca_path=found.ssl_ca_cert,
            insecure=not found.verify_ssl,
            scheme=scheme or None,
            token=token or None,
            certificate_path=found.cert_file,
            private_key_path=found.key_file,
            proxy_url=found.proxy,
            expiration=self.expires_at,
        )


async def log_in() -> Login:
    """Loads credentials from ``KUBECONFIG`` or ``~/.kube/config``, else from the pod's service account.

    Raises:
        SettingsInvalid: neither exists, or what exists cannot be used; the message says why.
    """
    paths = kubeconfig_path()
    try:
        async with asyncio.timeout(PLUGIN_SECONDS):
            return await _from_kubeconfig(paths) if paths else _from_service_account()
    except TimeoutError as error:
        raise SettingsInvalid(
            f"cannot use the kubeconfig: its exec plugin did not end within {PLUGIN_SECONDS:.0f} s. Run the plugin by itself."
        ) from error
    except (official.ConfigException, OSError, ValueError) as error:
        remedy = "Check KUBECONFIG." if paths else "Set KUBECONFIG, or run in a pod with a service account token."
        raise SettingsInvalid(f"cannot log in to Kubernetes: {str(error).rstrip('.')}. {remedy}") from error


async def _from_kubeconfig(paths: str) -> Login:
    found = read_kubeconfig(paths)
    configuration = Configuration()
    with _errors_of_plugin() as errors:
        loader = await official.load_kube_config(
            found.files, context=found.context, client_configuration=configuration, persist_config=False
        )
    by_plugin = bool(found.user.get("exec"))
    if by_plugin and not (configuration.api_key or configuration.cert_file):
        cause = "; ".join(errors) or "it returned neither a token nor a client certificate"
        raise SettingsInvalid(
            f"cannot use the kubeconfig: exec plugin {found.user['exec']['command']}: {cause}. Run it by itself."
        )
    configuration.proxy = configuration.proxy or _proxy_of_environment(configuration.host)
    return _login(configuration, by_plugin=by_plugin, expires_at=getattr(loader, "exec_plugin_expiry", None))


def _from_service_account() -> Login:
    # At the address that the kubelet names, as client-go does: no DNS, and no proxy of the environment.
    configuration = Configuration()
    official.load_incluster_config(client_configuration=configuration)
    return _login(configuration)


def _login(configuration: Configuration, *, by_plugin: bool = False, expires_at: datetime | None = None) -> Login:
    # The client would read the environment and ~/.netrc at every request.
    configuration.client_session_kwargs = {"trust_env": False}
    # A file's last line break is no part of its token, and no HTTP header may hold one.
    authorization = str(configuration.api_key.get("BearerToken", "")).strip() or None
    files = (configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file)
    tls = tuple(Path(file).read_bytes() if file else None for file in files)
    return Login(configuration, authorization, tls, by_plugin, expires_at)


def _proxy_of_environment(server: str) -> str | None:
    """``HTTPS_PROXY`` or ``HTTP_PROXY`` unless ``NO_PROXY`` names the host: what a kubeconfig without ``proxy-url`` means."""
    parts = urlsplit(server)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


@contextmanager
def _errors_of_plugin() -> Iterator[list[str]]:
    """Collects what the official client logs: it does not raise what a plugin meets."""
    errors: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            errors.append(record.getMessage())

    logger, collector = logging.getLogger("kubernetes.aio.config.kube_config"), Collector(logging.ERROR)
    logger.addHandler(collector)
    propagate, logger.propagate = logger.propagate, False
    try:
        yield errors
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate
