"""Which parts of a kubeconfig work, checked before the official client reads it: every other form is refused by name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from regen_core.errors import SettingsInvalid

Entry = dict[str, Any]

METHODS: Final = ("token", "tokenFile", "username", "exec", "auth-provider")
"""Ways to authenticate over HTTP. The official client takes the first it finds where kubectl refuses two at once."""
IMPERSONATION: Final = ("as", "as-uid", "as-groups", "as-user-extra")
PROXY_SCHEMES: Final = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """What one or several files say together.

    Attributes:
        files: the files that exist, joined with ``os.pathsep``.
        context: name of the current context.
        cluster: the context's cluster.
        user: the context's user.
    """

    files: str
    context: str
    cluster: Entry
    user: Entry


def kubeconfig_path() -> str | None:
    """``KUBECONFIG``, else ``~/.kube/config`` where that file exists, else None."""
    home = _expanded("~/.kube/config")
    return os.environ.get("KUBECONFIG") or (str(home) if home.is_file() else None)


def read_kubeconfig(paths: str) -> Kubeconfig:
    """Merges the files as kubectl does (the first to name something wins) and checks the current context.

    Raises:
        SettingsInvalid: a file cannot be read, or says something that does not work; the message names it.
    """
    existing = [path for part in paths.split(os.pathsep) if part and (path := _expanded(part)).is_file()]
    if not existing:
        raise SettingsInvalid(f"cannot read the kubeconfig: no file at {paths}. Check KUBECONFIG.")
    documents = [_read(path) for path in existing]
    context_name = next((name for document in documents if (name := document.get("current-context"))), None)
    if context_name is None:
        raise _invalid("no current-context is set", "Run `kubectl config use-context NAME`.")
    context = _find(documents, "context", context_name)
    for field in ("cluster", "user"):
        if not context.get(field):
            raise _invalid(f"context {context_name} names no {field}", f"Set its {field}.")
    cluster = _find(documents, "cluster", context["cluster"])
    user = _find(documents, "user", context["user"])
    _check_cluster(cluster, f"cluster {context['cluster']}")
    _check_user(user, f"user {context['user']}")
    return Kubeconfig(os.pathsep.join(str(path) for path in existing), context_name, cluster, user)


def _expanded(path: str) -> Path:
    # Path.expanduser raises for an image's numeric user, which has no home.
    return Path(os.path.expanduser(path))  # noqa: PTH111


def _read(path: Path) -> Entry:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsInvalid(f"cannot read the kubeconfig {path}: {error}. Check KUBECONFIG.") from error
    if not isinstance(document, dict):
        raise SettingsInvalid(f"cannot read the kubeconfig {path}: it holds no YAML mapping. Check KUBECONFIG.")
    return document


def _find(documents: list[Entry], kind: str, name: str) -> Entry:
    for document in documents:
        for entry in document.get(f"{kind}s") or []:
            if isinstance(entry, dict) and entry.get("name") == name:
                found = entry.get(kind)
                if not isinstance(found, dict):
                    raise _invalid(f"{kind} {name} is empty", f"Fill in its `{kind}` mapping.")
                return found
    raise _invalid(f"{kind} {name} is not defined", f"Add it under `{kind}s`.")


def _check_cluster(cluster: Entry, where: str) -> None:
    server = cluster.get("server")
    if not isinstance(server, str) or urlsplit(server).scheme not in {"http", "https"}:
        raise _invalid(f"{where} has no server URL", "Set `server` to an http or https URL.")
    if cluster.get("tls-server-name"):
        # kopf verifies the certificate against the server's own name and cannot be told another.
        raise _invalid(
            f"{where} sets tls-server-name, which the watches do not support", "Use a server name of its certificate."
        )
    proxy = cluster.get("proxy-url")
    if proxy and urlsplit(proxy).scheme not in PROXY_SCHEMES:
        raise _invalid(f"{where} sets proxy-url {proxy}: only HTTP proxies are supported", "Use an http or https proxy.")


def _check_user(user: Entry, where: str) -> None:
    if any(user.get(key) for key in IMPERSONATION):
        raise _invalid(
            f"{where} impersonates another user, which is not supported", "Remove as, as-uid, as-groups, as-user-extra."
        )
    methods = [key for key in METHODS if user.get(key)]
    if len(methods) > 1:
        raise _invalid(f"{where} sets {' and '.join(methods)}", "Keep one of them.")
    if "auth-provider" in methods:
        raise _invalid(f"{where} sets auth-provider, which is not supported", "Use an exec plugin, for example kubelogin.")
    if "username" in methods and not user.get("password"):
        raise _invalid(f"{where} sets username without password", "Set both.")
    has_certificate, has_key = (
        any(user.get(key) for key in (name, f"{name}-data")) for name in ("client-certificate", "client-key")
    )
    if has_certificate != has_key:
        raise _invalid(f"{where} sets only one of client-certificate and client-key", "Set both.")
    if "exec" in methods:
        _check_plugin(user["exec"], where)


def _check_plugin(plugin: object, where: str) -> None:
    if not isinstance(plugin, dict) or not plugin.get("command") or not plugin.get("apiVersion"):
        raise _invalid(f"the exec plugin of {where} has no command or no apiVersion", "Set both.")
    if plugin.get("interactiveMode") == "Always":
        raise _invalid(f"the exec plugin of {where} is interactive", "Use a plugin that asks nothing.")
    command = Path(plugin["command"])
    if len(command.parts) > 1 and not command.is_absolute():
        # kubectl resolves it against the kubeconfig's folder, the official client against the working folder.
        raise _invalid(f"the exec plugin of {where} is a relative path", "Use an absolute path or a command on PATH.")


def _invalid(what: str, remedy: str) -> SettingsInvalid:
    return SettingsInvalid(f"cannot use the kubeconfig: {what}. {remedy}")
