"""Is each documented form of a kubeconfig read as kubectl reads it, or refused by name?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from regen_core.errors import SettingsInvalid
from regen_operator.kube.kubeconfig import read_kubeconfig

if TYPE_CHECKING:
    from pathlib import Path

CLUSTER: dict[str, Any] = {"server": "https://api:6443"}
PLUGIN: dict[str, Any] = {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws", "args": ["eks", "get-token"]}


def written(path: Path, **parts: Any) -> str:
    document: dict[str, Any] = {
        "clusters": [{"name": "c", "cluster": CLUSTER}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump({name: part for name, part in (document | parts).items() if part is not None}))
    return str(path)


def with_user(path: Path, **user: Any) -> str:
    return written(path, users=[{"name": "u", "user": user}])


def with_cluster(path: Path, **cluster: Any) -> str:
    return written(path, clusters=[{"name": "c", "cluster": CLUSTER | cluster}])


USERS: dict[str, dict[str, Any]] = {
    "token": {"token": "t"},
    "tokenFile": {"tokenFile": "/t"},
    "basic": {"username": "u", "password": "p"},
    "certificate files": {"client-certificate": "/c", "client-key": "/k"},
    "certificate data": {"client-certificate-data": "Yw==", "client-key-data": "aw=="},
    "certificate file, key data": {"client-certificate": "/c", "client-key-data": "aw=="},
    "plugin of EKS": {"exec": PLUGIN | {"env": None, "interactiveMode": "IfAvailable"}},
    "plugin of GKE": {"exec": {"apiVersion": "v1", "command": "gke-gcloud-auth-plugin", "provideClusterInfo": True}},
    "plugin by path": {"exec": PLUGIN | {"command": "/usr/bin/aws"}},
    "nothing": {},
}


@pytest.mark.parametrize("user", USERS.values(), ids=USERS.keys())
def test_users_that_work(tmp_path: Path, user: dict[str, Any]) -> None:
    found = read_kubeconfig(with_user(tmp_path / "config", **user))
    assert (found.context, found.user, found.cluster) == ("x", user, CLUSTER)


REFUSED_USERS: dict[str, tuple[dict[str, Any], str]] = {
    "impersonation": ({"token": "t", "as": "admin"}, "user u impersonates"),
    "impersonated groups": ({"token": "t", "as-groups": ["a"]}, "user u impersonates"),
    "auth provider": ({"auth-provider": {"name": "oidc"}}, "user u sets auth-provider, which is not supported"),
    "two methods": ({"token": "t", "tokenFile": "/t"}, "user u sets token and tokenFile"),
    "plugin and token": ({"token": "t", "exec": PLUGIN}, "user u sets token and exec"),
    "no password": ({"username": "u"}, "user u sets username without password"),
    "no key": ({"client-certificate": "/c"}, "only one of client-certificate and client-key"),
    "no certificate": ({"client-key-data": "aw=="}, "only one of client-certificate and client-key"),
    "no command": ({"exec": {"apiVersion": "v1"}}, "exec plugin of user u has no command"),
    "interactive plugin": ({"exec": PLUGIN | {"interactiveMode": "Always"}}, "exec plugin of user u is interactive"),
    "relative plugin": ({"exec": PLUGIN | {"command": "bin/aws"}}, "exec plugin of user u is a relative path"),
}


@pytest.mark.parametrize(("user", "message"), REFUSED_USERS.values(), ids=REFUSED_USERS.keys())
def test_users_that_are_refused_by_name(tmp_path: Path, user: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsInvalid, match=message):
        read_kubeconfig(with_user(tmp_path / "config", **user))


REFUSED_CLUSTERS: dict[str, tuple[dict[str, Any], str]] = {
    "no server": ({"server": None}, "cluster c has no server URL"),
    "no URL": ({"server": "api:6443"}, "cluster c has no server URL"),
    "another server name": ({"tls-server-name": "api"}, "cluster c sets tls-server-name"),
    "SOCKS proxy": ({"proxy-url": "socks5://proxy"}, "cluster c sets proxy-url socks5://proxy"),
}


@pytest.mark.parametrize(("cluster", "message"), REFUSED_CLUSTERS.values(), ids=REFUSED_CLUSTERS.keys())
def test_clusters_that_are_refused_by_name(tmp_path: Path, cluster: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsInvalid, match=message):
        read_kubeconfig(with_cluster(tmp_path / "config", **cluster))


INCOMPLETE: dict[str, tuple[dict[str, Any], str]] = {
    "no current context": ({"current-context": None}, "no current-context is set"),
    "unknown context": ({"current-context": "y"}, "context y is not defined"),
    "no user": ({"contexts": [{"name": "x", "context": {"cluster": "c"}}]}, "context x names no user"),
    "unknown user": ({"users": []}, "user u is not defined"),
    "unknown cluster": ({"clusters": None}, "cluster c is not defined"),
    "empty user": ({"users": [{"name": "u"}]}, "user u is empty"),
}


@pytest.mark.parametrize(("parts", "message"), INCOMPLETE.values(), ids=INCOMPLETE.keys())
def test_incomplete_files_are_refused_by_name(tmp_path: Path, parts: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsInvalid, match=message):
        read_kubeconfig(written(tmp_path / "config", **parts))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "no YAML mapping"), (b"- a", "no YAML mapping"), (b"{", "cannot read"), (b"\xff", "cannot read")],
)
def test_a_file_that_is_no_kubeconfig_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "config"
    path.write_bytes(content)
    with pytest.raises(SettingsInvalid, match=message) as caught:
        read_kubeconfig(str(path))
    assert str(path) in caught.value.message


def test_the_first_of_several_files_wins_and_missing_ones_are_skipped(tmp_path: Path) -> None:
    first = written(tmp_path / "first", clusters=None, users=[{"name": "u", "user": {"token": "first"}}])
    second = written(tmp_path / "second", **{"current-context": "y"})
    found = read_kubeconfig(os.pathsep.join([str(tmp_path / "missing"), first, second]))
    assert (found.context, found.user, found.cluster) == ("x", {"token": "first"}, CLUSTER)
    assert found.files == os.pathsep.join([first, second])


def test_no_file_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="no file at"):
        read_kubeconfig(str(tmp_path / "missing"))
