"""Does a pod reach the API server at the address that the kubelet names, without DNS?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import kopf
import pytest

from regen_operator.kube.client import login_in_pod

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

KOPFS_OWN = "https://kubernetes.default.svc"


@pytest.mark.parametrize(
    ("host", "server"),
    [("10.96.0.1", "https://10.96.0.1:6443"), ("fd00::1", "https://[fd00::1]:6443"), ("", KOPFS_OWN)],
    ids=["ipv4", "ipv6", "not named"],
)
def test_the_address_of_the_api_server(mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch, host: str, server: str) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    account = kopf.ConnectionInfo(server=KOPFS_OWN, token="a-token", ca_path="/ca.crt")
    mocker.patch.object(kopf, "login_with_service_account", return_value=account)
    info = login_in_pod(kopf.OperatorSettings())
    assert info is not None
    assert (info.server, info.token, info.ca_path) == (server, "a-token", "/ca.crt")
