"""A process that has imported one of the runner's programs, and forks whenever a container shall run it.

``warm_process.py FOLDER PART``, with a socket (``SOCK_SEQPACKET``) as its standard input. What is forked is what
``crash.py FOLDER regen-runner PART`` is after its imports: a session, an environment, a working folder and a log of its own,
nothing but standard streams open, and then the same ``main``. It ends when the other end of the socket is closed.

Orders and answers, one JSON object each: ``{"env": …, "folder": …, "log": …}`` → ``{"pid": n}`` or ``{"errno": n}``, said by
the new process itself once it leads its session; ``{"reap": n}`` → ``{"status": …}``, the wait status of a process that
ended.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))  # as in crash.py
try:
    from tests.faults.crash import watch_for
finally:
    sys.path.remove(str(ROOT))

IMPORTED = {
    "prepare": ("regen_runner.prepare.main", "regen_core.canonical", "regen_core.instruction"),
    "execute": ("regen_runner.execute.main", "regen_runner.execute.child", "regen_runner.execute.supervisor"),
    "publish": (
        "regen_runner.publish.main",
        "regen_runner.publish.attestation",
        "regen_runner.publish.outputs",
        "regen_store.write_s3",
        "regen_runner.publish.uploads",
    ),
}
"""What each program has imported when a job that completes ends, but for what is loaded inside of the sandbox."""
MAX_ORDER_BYTES = 1 << 18
_NOWHERE = {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}


def _remember_files() -> None:
    """What botocore reads of its own files for a client, 0.1 s of every publish, is read here once."""
    from botocore.loaders import JSONFileLoader, Loader  # publish alone has it

    from regen_store.write_s3 import s3_client

    JSONFileLoader.load_file = _remembered(JSONFileLoader.load_file)
    Loader.list_available_services = _remembered(Loader.list_available_services)
    s3_client(_NOWHERE)  # makes no connection


def _remembered(real: Callable[..., Any]) -> Callable[..., Any]:
    """A method whose answers do not depend on its object. Each forked process has its own copy of them."""
    answers: dict[tuple[Any, ...], Any] = {}

    def call(owner: Any, *arguments: Any, **named: Any) -> Any:
        key = (*arguments, *sorted(named.items()))
        if key not in answers:
            answers[key] = real(owner, *arguments, **named)
        return answers[key]

    return call


def serve(orders: socket.socket) -> None:
    """Answers orders; returns in each process that was forked, and ends this one when there are no more orders."""
    while data := orders.recv(MAX_ORDER_BYTES):
        order = json.loads(data)
        if "reap" in order:
            _, status = os.waitpid(order["reap"], 0)
            orders.send(json.dumps({"status": status}).encode())
        elif os.fork() == 0:
            _become(order, orders)
            return
    os._exit(0)


def _become(order: dict[str, dict[str, str] | str], orders: socket.socket) -> None:
    """Everything that a new process has of its own."""
    try:
        os.setsid()
        os.chdir(str(order["folder"]))
        log = os.open(str(order["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
    except OSError as error:
        orders.send(json.dumps({"errno": error.errno}).encode())
        os._exit(1)
    assert isinstance(order["env"], dict)
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    nothing = os.open(os.devnull, os.O_RDONLY)
    orders.send(json.dumps({"pid": os.getpid()}).encode())
    orders.close()
    os.dup2(nothing, 0)
    os.close(nothing)


def main() -> None:
    """Imports, then serves."""
    folder, part = sys.argv[1:]
    orders = socket.socket(fileno=os.dup(0))
    points = watch_for(part, Path(folder))
    program = importlib.import_module("regen_runner.main")
    for name in IMPORTED[part]:
        importlib.import_module(name)
    if part == "publish":
        _remember_files()
    sys.argv = ["regen-runner", part]
    gc.collect()
    gc.freeze()  # what is shared stays shared
    serve(orders)
    points.open()  # the plan of this moment
    program.main()


if __name__ == "__main__":
    main()
