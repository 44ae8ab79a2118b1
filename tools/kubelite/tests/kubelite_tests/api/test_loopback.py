"""Is a web page on the same machine kept out?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubelite.api import KubernetesAPI
    from kubelite_tests.api.kube import Kube


async def test_it_listens_on_loopback(api: KubernetesAPI) -> None:
    assert api.url.startswith("http://127.0.0.1:")


async def test_a_name_that_was_rebound_to_loopback_is_refused(ours: Kube) -> None:
    assert (await ours.call("GET", "/api/v1/pods", headers={"Host": "evil.example.test:80"})).status == 403


async def test_a_form_that_a_page_can_send_unasked_is_refused(ours: Kube) -> None:
    answer = await ours.call("POST", "/api/v1/namespaces", {}, headers={"Content-Type": "text/plain"})
    assert (answer.status, answer.reason) == (415, "UnsupportedMediaType")
