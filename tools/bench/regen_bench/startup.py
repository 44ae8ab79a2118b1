"""What each program's start costs in CPU, up to the first thing that it is there for, and which imports the time goes to.

The programs are the installed ones, started as a container starts them, with the environment of a real Job; nothing in them
is changed. prepare, publish and the operator are cut off when they connect to the database, the store or the Kubernetes API
for the first time (a listener of ours stands for all three), execute when the executor's module is imported (an executor of
ours, whose module ends its process), the API when its port is open. CPU is user and system time, median of ``ROUNDS``.
"""

from __future__ import annotations

import os
import re
import socket
import statistics
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from regen_bench.metered import PATIENCE_SECONDS, metered
from regen_bench.runner_pod import PROGRAM, RunnerPod
from regen_stack.config import StackConfig, program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from regen_bench.metered import Metered, Usage

ROUNDS: Final = 5
IMPORTS: Final = 10
EXECUTOR: Final = "bench_stop"
_IMPORT_LINE: Final = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")
_IMPORT_TIMES: Final = {"PYTHONPROFILEIMPORTTIME": "1"}


@dataclass(frozen=True)
class Start:
    """One program's start.

    Attributes:
        command: the program, by its absolute path, and its arguments.
        environment: makes the whole environment, in a new folder, with the listener's port.
        until: what ends the measurement.
        wait: returns the usage once that has come.
        goal: CPU seconds at most; None where there is no goal.
    """

    command: tuple[str | Path, ...]
    environment: Callable[[Path, int], Mapping[str, str]]
    until: str
    wait: Callable[[Metered, socket.socket], Usage]
    goal: float | None = None


def run() -> dict[str, Any]:
    """Prints two tables; answers seconds by program, and seconds by package for each."""
    raw: dict[str, Any] = {}
    print(f"{'start of':<14}{'CPU s':>8}{'goal':>8}   up to; median of {ROUNDS}")
    with tempfile.TemporaryDirectory() as folder:
        for name, start in starts(_executor(Path(folder))).items():
            usages = [_once(start) for _ in range(ROUNDS)]
            seconds = statistics.median(usage.cpu_seconds for usage in usages)
            imports = _by_package(_once(start, _IMPORT_TIMES).errors)
            raw[name] = {"cpu_seconds": [usage.cpu_seconds for usage in usages], "imports": imports}
            goal = "" if start.goal is None else f"< {start.goal:g}"
            print(f"{name:<14}{seconds:>8.3f}{goal:>8}   {start.until}", flush=True)
    print(f"\nthe {IMPORTS} packages whose own modules take longest to import, ms (of all imports)")
    for name, one in raw.items():
        most = sorted(one["imports"].items(), key=lambda item: -item[1])[:IMPORTS]
        total = sum(one["imports"].values())
        print(f"{name:<14}{', '.join(f'{package} {1000 * seconds:.0f}' for package, seconds in most)} ({1000 * total:.0f})")
    return raw


def starts(executors: Path) -> dict[str, Start]:
    """Every program; ``executors`` is the folder of the executor that stops."""

    def pod(folder: Path, port: int) -> RunnerPod:
        store = {
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_REGION": "us-east-1",
        }
        made = RunnerPod(folder, "bench", _database(port), "s3://bench/outputs", store, EXECUTOR, executors)
        made.make()
        return made

    def prepare(folder: Path, port: int) -> Mapping[str, str]:
        return pod(folder, port).environment("prepare")

    def execute(folder: Path, port: int) -> Mapping[str, str]:
        made = pod(folder, port)
        made.let_go()
        return made.environment("execute")

    def publish(folder: Path, port: int) -> Mapping[str, str]:
        made = pod(folder, port)
        made.leave_result()
        return made.environment("publish")

    return {
        "prepare": Start((PROGRAM, "prepare"), prepare, "its first call of the database", _connected, 0.5),
        "execute": Start((PROGRAM, "execute"), execute, "the executor's module", _ended, 0.3),
        "publish": Start((PROGRAM, "publish"), publish, "its first call of the store", _connected, 0.5),
        "operator": Start((program("regen-operator"),), _operator, "its first call of anything", _connected),
        "api": Start((program("regen-api"),), _api, "its port is open", _listening),
        "regen --help": Start((program("regen"), "--help"), lambda *_: {"PATH": os.defpath}, "its end", _ended),
    }


def _once(start: Start, more: Mapping[str, str] | None = None) -> Usage:
    with tempfile.TemporaryDirectory() as folder, _listener() as listener:
        environment = start.environment(Path(folder), listener.getsockname()[1])
        with metered(start.command, {**environment, **(more or {})}) as running:
            return start.wait(running, listener)


@contextmanager
def _listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        yield listener


def _connected(running: Metered, listener: socket.socket) -> Usage:
    """Cuts the program off as soon as it connects."""
    for _ in range(int(PATIENCE_SECONDS / 0.2)):
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            if running.is_over:
                break
            continue
        with connection:
            return running.cut()
    raise RuntimeError(f"expected the program to connect, it did not: {running.cut().errors[-2000:]}")


def _listening(running: Metered, listener: socket.socket) -> Usage:
    """Cuts the program off as soon as its port is open, which is the listener's, which closes."""
    address = listener.getsockname()
    listener.close()
    for _ in range(int(PATIENCE_SECONDS / 0.02)):
        try:
            with socket.create_connection(address, timeout=1.0):
                return running.cut()
        except ConnectionRefusedError:
            if running.is_over:
                break
            time.sleep(0.02)
    raise RuntimeError(f"expected the program to listen, it did not: {running.cut().errors[-2000:]}")


def _ended(running: Metered, _: socket.socket) -> Usage:
    usage = running.ended()
    if usage.status != 0:
        raise RuntimeError(f"expected exit status 0, got {usage.status}: {usage.errors[-2000:]}")
    return usage


def _database(port: int) -> str:
    return f"postgresql://bench:bench@127.0.0.1:{port}/bench?sslmode=disable&gssencmode=disable"


def _operator(folder: Path, port: int) -> Mapping[str, str]:
    cluster = {"name": "bench", "cluster": {"server": f"http://127.0.0.1:{port}"}}
    context = {"name": "bench", "context": {"cluster": "bench", "user": "bench"}}
    config = {"clusters": [cluster], "contexts": [context], "users": [{"name": "bench", "user": {"token": "bench"}}]}
    (folder / "kubeconfig").write_text(yaml.safe_dump({"current-context": "bench", **config}))
    (folder / "classes.yaml").write_text(yaml.safe_dump(StackConfig().classes_file("s3://bench/outputs")))
    return {
        "PATH": os.defpath,
        "KUBECONFIG": str(folder / "kubeconfig"),
        "REGEN_DATABASE_URL": _database(port),
        "REGEN_CLASSES_FILE": str(folder / "classes.yaml"),
        "REGEN_HEALTH_HOST": "127.0.0.1",
        "REGEN_HEALTH_PORT": "0",
    }


def _api(folder: Path, port: int) -> Mapping[str, str]:
    return {
        "PATH": os.defpath,
        "REGEN_DATABASE_URL": _database(port),
        "REGEN_OUTPUT_URL": folder.as_uri(),
        "REGEN_ENV": "development",
        "REGEN_STATIC_KEY": "the key of the benchmark",
        "REGEN_HTTP_HOST": "127.0.0.1",
        "REGEN_HTTP_PORT": str(port),
    }


def _executor(folder: Path) -> Path:
    """A package with one executor, whose module ends the process that imports it."""
    package = folder / f"{EXECUTOR}-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {EXECUTOR}\nVersion: 1\n")
    (package / "entry_points.txt").write_text(f"[regen.executors]\n{EXECUTOR} = {EXECUTOR}:Stop\n")
    (folder / f"{EXECUTOR}.py").write_text("import os\n\nos._exit(0)\n")
    return folder


def _by_package(errors: str) -> dict[str, float]:
    """Seconds by top-level package, of ``-X importtime``'s lines; a module's own time, not that of what it imports."""
    seconds: dict[str, float] = {}
    for microseconds, module in _IMPORT_LINE.findall(errors):
        package = module.split(".")[0]
        seconds[package] = seconds.get(package, 0.0) + int(microseconds) / 1e6
    return seconds
