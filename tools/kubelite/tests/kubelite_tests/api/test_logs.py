"""What does ``kubectl logs`` get?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from kubelite_tests.api.kube import pod

if TYPE_CHECKING:
    from pathlib import Path

    from kubelite.api import KubernetesAPI
    from kubelite_tests.api.kube import Kube

POD = "/api/v1/namespaces/default/pods/a"


@pytest.fixture
async def log(api: KubernetesAPI, ours: Kube, tmp_path: Path) -> Path:
    """The file of container ``main`` of pod ``a``, which runs; its init container has written nothing."""
    init = [{"name": "init", "image": "nowhere.invalid/nothing:1"}]
    await ours.made("/api/v1/namespaces/default/pods", pod("a", nodeName="n1", initContainers=init))
    path = tmp_path / "main.log"
    path.write_text("one\ntwo\nthree\n")
    api.store.logs["default", "a", "main"] = path
    return path


async def test_the_whole_output(ours: Kube, log: Path) -> None:
    assert (await ours.get(f"{POD}/log", container="main")).body["text"] == "one\ntwo\nthree\n"


@pytest.mark.parametrize(("lines", "text"), [(0, ""), (1, "three\n"), (9, "one\ntwo\nthree\n")])
async def test_its_last_lines(ours: Kube, log: Path, lines: int, text: str) -> None:
    assert (await ours.get(f"{POD}/log", container="main", tailLines=lines)).body["text"] == text


async def test_a_container_must_be_named_where_there_are_two(ours: Kube, log: Path) -> None:
    answer = await ours.get(f"{POD}/log")
    assert answer.status == 400
    assert "choose one of: [main] or one of the init containers: [init]" in answer.message


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"container": "other"}, "container other is not valid for pod a"),
        ({"container": "init"}, 'container "init" in pod "a" is waiting to start'),
        ({"container": "main", "previous": "true"}, "previous terminated container"),
    ],
)
async def test_what_is_not_there_is_a_bad_request(ours: Kube, log: Path, query: dict[str, str], words: str) -> None:
    answer = await ours.get(f"{POD}/log", **query)
    assert answer.status == 400
    assert words in answer.message


async def test_following_ends_with_the_container(ours: Kube, log: Path) -> None:
    following = asyncio.create_task(ours.get(f"{POD}/log", container="main", follow="true", tailLines=1))
    with log.open("a") as file:
        file.write("four\n")
    ended = [{"name": "main", "state": {"terminated": {"exitCode": 0}}, "image": "i", "imageID": "", "ready": False}]
    await ours.patch(f"{POD}/status", {"status": {"containerStatuses": ended}})
    assert (await asyncio.wait_for(following, 10)).body["text"] in {"three\nfour\n", "four\n"}
