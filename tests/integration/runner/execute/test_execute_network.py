"""What of the network, and of servers on the same machine, can an executor reach?"""

from __future__ import annotations

import socket
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.runner.execute.conftest import Pod


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_no_sockets_but_unix_ones_can_be_made(pod: Pod) -> None:
    answer = pod.run("escapes.sockets").answer
    assert answer.pop("unix") == "allowed"
    assert set(answer.values()) == {"EPERM"}


def test_a_pair_of_unix_sockets_works(pod: Pod) -> None:
    assert pod.run("escapes.unix_pair").answer == "through the pair"


def test_unix_servers_outside_cannot_be_reached(pod: Pod) -> None:
    abstract = f"regen-{uuid.uuid4().hex}"
    # The path of a socket is short, and an allowed folder is the best place for it.
    path = pod.root / "tmp" / "s"
    with socket.socket(socket.AF_UNIX) as by_path, socket.socket(socket.AF_UNIX) as by_name:
        by_path.bind(str(Path(path)))
        by_path.listen()
        by_name.bind("\0" + abstract)
        by_name.listen()
        answer = pod.run("escapes.unix_server", path=str(path), abstract=abstract).answer
    assert answer == {"path": "EPERM", "abstract": "EPERM"}


def test_without_egress_a_server_cannot_be_reached(pod: Pod, port: int) -> None:
    assert pod.run("escapes.connect_to", port=port).answer == "EPERM"


def test_with_egress_a_server_can_be_reached_and_the_report_says_so(pod: Pod, port: int) -> None:
    run = pod.run("escapes.connect_to", port=port, env={"REGEN_EGRESS": "open"})
    assert run.answer == "allowed"
    assert run.result.sandbox["egress"] == "open"
    assert "connectTcp" not in run.result.sandbox["landlockNet"]


def test_with_egress_other_families_stay_closed(pod: Pod) -> None:
    answer = pod.run("escapes.sockets", env={"REGEN_EGRESS": "open"}).answer
    assert {name for name, outcome in answer.items() if outcome == "allowed"} == {"inet", "inet udp", "inet6", "unix"}


def test_even_with_egress_nothing_can_serve(pod: Pod) -> None:
    run = pod.run("escapes.listen", env={"REGEN_EGRESS": "open"})
    assert run.answer == ("EACCES" if "bindTcp" in run.result.sandbox["landlockNet"] else "allowed")
