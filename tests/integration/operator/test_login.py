"""Does each kind of credentials reach the API server, renewed in time? With real files, plugins, proxies and TLS."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.aio.config import incluster_config

from regen_core.errors import SettingsInvalid
from regen_operator.kube import client as client_module
from regen_operator.kube.client import JOBS, KubeClient
from regen_operator.kube.errors import ApiUnavailable
from regen_operator.kube.login import log_in
from tests.integration.operator.api_server import STORED, Authority, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from pytest_mock import MockerFixture

    Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a kubeconfig and names it in KUBECONFIG."""

    def written(cluster: dict[str, Any], user: dict[str, Any]) -> Path:
        path = tmp_path / "kubeconfig"
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        path.write_text(json.dumps(document))
        monkeypatch.setenv("KUBECONFIG", str(path))
        return path

    return written


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """An exec plugin: a program that counts its runs in a file and issues ``token-RUN``."""

    def made(*, expires_in: timedelta | None = None, fails: bool = False) -> dict[str, Any]:
        status: dict[str, Any] = {}
        if expires_in is not None:
            status["expirationTimestamp"] = (datetime.now(UTC) + expires_in).strftime("%Y-%m-%dT%H:%M:%SZ")
        script = tmp_path / "plugin.py"
        script.write_text(
            "import json, os, pathlib, sys\n"
            f"runs = pathlib.Path({str(tmp_path / 'runs')!r})\n"
            "run = len(runs.read_text()) + 1 if runs.exists() else 1\n"
            "runs.write_text('x' * run)\n"
            f"if {fails}: sys.exit('no session: log in first')\n"
            "asked = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
            f"status = {status!r} | {{'token': f'token-{{run}}-{{os.environ[\"PREFIX\"]}}'}}\n"
            "print(json.dumps({'apiVersion': asked['apiVersion'], 'kind': 'ExecCredential', 'status': status}))\n"
        )
        return {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": [str(script)],
            "env": [{"name": "PREFIX", "value": "a"}],
            "interactiveMode": "IfAvailable",
            "provideClusterInfo": False,
        }

    return made


def runs(tmp_path: Path) -> int:
    return len((tmp_path / "runs").read_text())


def client() -> KubeClient:
    return KubeClient(timeout_seconds=3.0, concurrency=4)


async def test_a_plugin_runs_again_when_its_token_is_rejected(write: Write, plugin: Any, tmp_path: Path) -> None:
    async with serving() as server:
        write({"server": server.url}, {"exec": plugin()})
        async with client() as kube:
            server.accepted = {"Bearer token-1-a"}
            await asyncio.gather(*(kube.get(JOBS, "ns", "a") for _ in range(8)))
            assert runs(tmp_path) == 1
            server.accepted = {"Bearer token-2-a"}
            await asyncio.gather(*(kube.create(JOBS, "ns", STORED) for _ in range(4)))
            assert runs(tmp_path) == 2, "calls that are rejected together share one new login"


@pytest.mark.parametrize(("lasts", "expected"), [(timedelta(hours=1), 1), (timedelta(seconds=90), 2), (None, 1)])
async def test_a_plugin_runs_before_its_token_expires(  # noqa: PLR0917 - fixtures
    write: Write, plugin: Any, tmp_path: Path, mocker: MockerFixture, lasts: timedelta | None, expected: int
) -> None:
    mocker.patch.object(client_module, "RELOAD_SECONDS", 0.0)
    async with serving() as server:
        write({"server": server.url}, {"exec": plugin(expires_in=lasts)})
        async with client() as kube:
            await kube.get(JOBS, "ns", "a")
            assert runs(tmp_path) == expected
            assert server.authorizations == [f"Bearer token-{expected}-a"]


async def test_a_plugin_that_fails_stops_the_start_with_its_own_words(write: Write, plugin: Any) -> None:
    write({"server": "http://127.0.0.1:9"}, {"exec": plugin(fails=True)})
    with pytest.raises(SettingsInvalid, match=r"exec plugin .*python.* log in first"):
        await log_in()


async def test_a_plugin_that_fails_later_leaves_the_old_token(
    write: Write, plugin: Any, mocker: MockerFixture, tmp_path: Path
) -> None:
    mocker.patch.object(client_module, "RELOAD_SECONDS", 0.0)
    async with serving() as server:
        write({"server": server.url}, {"exec": plugin(expires_in=timedelta(seconds=30))})
        async with client() as kube:
            plugin(fails=True)
            await kube.get(JOBS, "ns", "a")
            assert runs(tmp_path) == 2
            assert server.authorizations == ["Bearer token-1-a"]


async def test_a_rotated_service_account_token_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    token = tmp_path / "token"
    token.write_text("first")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(authority.certificate))
    async with serving(authority.server_context()) as server:
        host, _, port = server.url.removeprefix("https://").partition(":")
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        async with client() as kube:
            server.accepted = {"bearer first"}
            await kube.get(JOBS, "ns", "a")
            token.write_text("second\n")
            server.accepted = {"bearer second"}
            await kube.create(JOBS, "ns", STORED)
            info = await kube.connection_info(rejected=False)
    assert (info.server, info.token, info.ca_path, info.proxy_url) == (server.url, "second", str(authority.certificate), None)


@pytest.mark.parametrize(("host", "url"), [("10.96.0.1", "https://10.96.0.1:6443"), ("fd00::1", "https://[fd00::1]:6443")])
async def test_the_address_of_the_api_server_needs_no_dns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, url: str
) -> None:
    for name in ("token", "ca.crt"):
        (tmp_path / name).write_text(name)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    assert (await log_in()).server == url


@pytest.mark.parametrize("as_data", [False, True], ids=["file", "data"])
async def test_a_ca_and_a_client_certificate(write: Write, tmp_path: Path, *, as_data: bool) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("operator")
    files = {"certificate-authority": authority.certificate, "client-certificate": certificate, "client-key": key}
    if as_data:
        fields = {f"{name}-data": base64.b64encode(path.read_bytes()).decode() for name, path in files.items()}
    else:
        fields = {name: path.name for name, path in files.items()}  # relative to the kubeconfig
    async with serving(authority.server_context()) as server:
        write(
            {"server": server.url, **{name: value for name, value in fields.items() if "authority" in name}},
            {name: value for name, value in fields.items() if "client" in name},
        )
        async with client() as kube:
            await kube.get(JOBS, "ns", "a")
    assert server.clients == ["operator"]
    assert server.authorizations == [""]


async def test_a_server_of_another_ca_is_not_trusted(write: Write, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    async with serving(Authority(tmp_path).server_context()) as server:
        write({"server": server.url, "certificate-authority": str(other.certificate)}, {"token": "t"})
        async with client() as kube:
            with pytest.raises(ApiUnavailable, match="certificate verify failed"):
                await kube.create(JOBS, "ns", STORED)
    assert server.authorizations == []


async def test_a_replaced_client_certificate_gets_new_connections(write: Write, tmp_path: Path, mocker: MockerFixture) -> None:
    mocker.patch.object(client_module, "RELOAD_SECONDS", 0.0)
    authority = Authority(tmp_path)
    first, second = authority.issue("first"), authority.issue("second")
    async with serving(authority.server_context()) as server:
        write(
            {"server": server.url, "certificate-authority": str(authority.certificate)},
            {"client-certificate": str(first[0]), "client-key": str(first[1])},
        )
        async with client() as kube:
            await kube.get(JOBS, "ns", "a")
            for old, new in zip(first, second, strict=True):
                old.write_bytes(new.read_bytes())
            await kube.get(JOBS, "ns", "a")
    assert server.clients == ["first", "second"]


@pytest.mark.parametrize("user", [{"client-certificate": "no.crt", "client-key": "no.key"}, {"tokenFile": "no-token"}])
async def test_a_missing_file_stops_the_start(write: Write, user: dict[str, str]) -> None:
    write({"server": "https://127.0.0.1:9"}, user)
    with pytest.raises(SettingsInvalid, match="no"):
        await log_in()


async def test_a_ca_bundle_that_is_none_stops_the_start(write: Write, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("not a certificate")
    write({"server": "https://127.0.0.1:9", "certificate-authority": "ca.crt"}, {"token": "t"})
    with pytest.raises(SettingsInvalid, match="CA bundle"):
        await client().__aenter__()


async def test_a_token_file_beside_the_kubeconfig_is_read_again(write: Write, tmp_path: Path, mocker: MockerFixture) -> None:
    mocker.patch.object(client_module, "RELOAD_SECONDS", 0.0)
    (tmp_path / "token").write_text("first\n")
    async with serving() as server:
        write({"server": server.url}, {"tokenFile": "token"})
        async with client() as kube:
            await kube.get(JOBS, "ns", "a")
            (tmp_path / "token").write_text("second\n")
            await kube.get(JOBS, "ns", "a")
    assert server.authorizations[0] == "Bearer first"
    assert server.authorizations[-1] == "Bearer second"


async def test_basic_authentication(write: Write) -> None:
    async with serving() as server:
        write({"server": server.url}, {"username": "u", "password": "p"})
        async with client() as kube:
            await kube.get(JOBS, "ns", "a")
            info = await kube.connection_info(rejected=False)
    assert server.authorizations == ["Basic dTpw"]
    assert (info.scheme, info.token) == ("Basic", "dTpw")


@asynccontextmanager
async def proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """An HTTP proxy that tunnels; its URL, and the targets of its CONNECT requests."""
    targets: list[str] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        targets.append(head.split()[1])
        host, _, port = targets[-1].partition(":")
        upstream_reader, upstream_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        async with asyncio.TaskGroup() as group:
            group.create_task(pump(reader, upstream_writer))
            group.create_task(pump(upstream_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", targets


@pytest.mark.parametrize("named_by", ["proxy-url", "HTTPS_PROXY"])
async def test_a_proxy(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named_by: str) -> None:
    authority = Authority(tmp_path)
    async with proxy() as (url, targets), serving(authority.server_context()) as server:
        cluster = {"server": server.url, "certificate-authority": str(authority.certificate)}
        if named_by == "proxy-url":
            cluster["proxy-url"] = url
        else:
            monkeypatch.setenv("HTTPS_PROXY", url)
            monkeypatch.delenv("NO_PROXY", raising=False)
            monkeypatch.delenv("no_proxy", raising=False)
        write(cluster, {"token": "t"})
        async with client() as kube:
            await kube.get(JOBS, "ns", "a")
            info = await kube.connection_info(rejected=False)
    assert targets == [server.url.removeprefix("https://")]
    assert info.proxy_url == url


async def test_no_proxy_leaves_the_proxy_out(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with serving() as server:
        write({"server": server.url}, {"token": "t"})
        async with client() as kube:
            await kube.get(JOBS, "ns", "a")
    assert server.authorizations == ["Bearer t"]
