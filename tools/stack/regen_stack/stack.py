"""Everything together on loopback: PostgreSQL, S3, a Kubernetes API and a node agent; all gone when the context ends.

The operators are started on request, as processes of their own, with the console script and the settings that they have in
a pod. Their processes and those of the pods end with the stack, even where the stack itself is killed.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import socket
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeVar
from urllib.parse import urlsplit

import psycopg
import yaml
from psycopg import sql

from kubelite.api import KubernetesAPI
from kubelite.keeper import MARK
from kubelite.node import NodeAgent
from regen_schema.migrate import migrate
from regen_schema.roles import Roles
from regen_stack import control_plane as stack_api
from regen_stack import objects as stack_objects
from regen_stack.config import GRACE_SECONDS, RUNNER_IMAGE, StackConfig, images, program
from regen_stack.forward import forward
from regen_stack.kube import Kube
from regen_stack.postgres import Postgres
from regen_stack.s3 import S3Server
from regen_stack.store import OutputStore, file_store, s3_store

if TYPE_CHECKING:
    from types import TracebackType

    from regen_stack.control_plane import ControlPlane

Part = TypeVar("Part")

DATABASE: Final = "regen"
LOOPBACK: Final = "127.0.0.1"
_STOP_SECONDS: Final = GRACE_SECONDS + 5.0


class Stack:
    """An async context manager; start it in a thread that lives as long as the stack shall.

    Attributes:
        config: what it was told.
        folder: everything that lies on disk, logs included; gone at the end.
        postgres: the database server.
        api: the Kubernetes API, with its ``store`` and ``url``.
        node: the node agent.
        store: where outputs go.
        operators: name → process, of those that were started.
    """

    def __init__(self, config: StackConfig | None = None) -> None:
        self.config = config or StackConfig()
        self.postgres = Postgres(fsync=self.config.fsync)
        self.api = KubernetesAPI()
        self.operators: dict[str, asyncio.subprocess.Process] = {}
        self._passwords: dict[str, str] = {}
        self._health_ports: dict[str, int] = {}
        self._cleanup = AsyncExitStack()
        self._folder: Path | None = None
        self._node: NodeAgent | None = None
        self._store: OutputStore | None = None
        self._control_plane: ControlPlane | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # -- what is where ------------------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """Where everything lies."""
        return _started(self._folder)

    @property
    def node(self) -> NodeAgent:
        """The node agent."""
        return _started(self._node)

    @property
    def store(self) -> OutputStore:
        """Where outputs go."""
        return _started(self._store)

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig for people and tests."""
        return self.folder / "kubeconfig"

    @property
    def superuser_url(self) -> str:
        """The database, as its superuser."""
        return self.postgres.url(DATABASE)

    def database_url(self, role: str) -> str:
        """The database, as a login that has one of the roles ``api``, ``operator``, ``runner``, ``readonly``.

        Raises:
            KeyError: there is no such role.
        """
        return self.postgres.url(DATABASE, user=_login(role), password=self._passwords[role])

    def log_file(self, process: str) -> Path:
        """What a process of the stack's wrote."""
        return self.folder / "logs" / f"{process}.log"

    def health_url(self, operator: str) -> str:
        """Where an operator answers ``/healthz`` and ``/readyz``."""
        return f"http://127.0.0.1:{self._health_ports[operator]}"

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Starts everything but operators; what was started ends again where a part fails."""
        async with AsyncExitStack() as cleanup:
            folder = self._folder = _make_folder()
            cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
            store = self._begin_store(cleanup, folder)
            self._start_database(cleanup)
            self._store = await asyncio.wrap_future(store)
            if self.config.kubeconfig:
                await self._start_outside(cleanup, self.config.kubeconfig)
            else:
                await self._start_embedded(cleanup, folder)
            classes = self.config.classes_file(self.store.output_url)
            (folder / "classes.yaml").write_text(yaml.safe_dump(classes, sort_keys=False), encoding="utf-8")
            cleanup.push_async_callback(self._stop_programs)
            self._cleanup = cleanup.pop_all()

    async def stop(self) -> None:
        """Ends everything and removes the folder. Safe to repeat."""
        await self._cleanup.aclose()

    def _start_database(self, cleanup: AsyncExitStack) -> None:
        """In this thread on purpose: the server ends with the thread that starts it."""
        self.postgres.start()
        cleanup.callback(self.postgres.stop)
        url = self.postgres.create_database(DATABASE)
        migrate(url)
        roles = Roles()
        granted = {"api": roles.api, "operator": roles.operator, "runner": roles.runner, "readonly": roles.readonly}
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            for name, role in granted.items():
                self._passwords[name] = secrets.token_urlsafe(24)
                statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}")
                password = sql.Literal(self._passwords[name])
                connection.execute(statement.format(sql.Identifier(_login(name)), password, sql.Identifier(role)))

    def _begin_store(self, cleanup: AsyncExitStack, folder: Path) -> Future[OutputStore]:
        """Begins to start the store, beside the database; the S3 server ends with its thread, which is kept until then."""
        if self.config.store == "file":
            done: Future[OutputStore] = Future()
            done.set_result(file_store(folder / "outputs"))
            return done
        server = S3Server()
        cleanup.callback(server.stop)
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="s3")
        cleanup.callback(thread.shutdown)

        def start() -> OutputStore:
            server.start()
            return s3_store(server, self.config.bucket)

        return thread.submit(start)

    async def _start_embedded(self, cleanup: AsyncExitStack, folder: Path) -> None:
        # both ends of the node agent's life lie within the API's
        await self.api.start(self.config.api_port)
        cleanup.push_async_callback(self.api.stop)
        images_here = images(self.config.programs, self.config.start)
        node = NodeAgent(self.api.store, images_here, folder, max_pods=self.config.max_pods)
        self._node = await cleanup.enter_async_context(node)
        stack_objects.install(self.api.store, self.config, self.database_url("runner"), self.store.runner_environment)
        self.api.write_kubeconfig(self.kubeconfig, namespace=self.config.namespace)

    async def _start_outside(self, cleanup: AsyncExitStack, kubeconfig: Path) -> None:
        """Lets the cluster's pods reach the database and the store, and installs what they need."""
        shutil.copyfile(kubeconfig, self.kubeconfig)
        kube = Kube.from_kubeconfig(kubeconfig)
        await kube.open()
        cleanup.push_async_callback(kube.close)
        database, store = self.database_url("runner"), dict(self.store.runner_environment)
        for url in (database, store["AWS_ENDPOINT_URL_S3"]):
            await forward(cleanup, self.config.host, int(urlsplit(url).port or 0))
        store["AWS_ENDPOINT_URL_S3"] = store["AWS_ENDPOINT_URL_S3"].replace(LOOPBACK, self.config.host)
        await stack_objects.install_outside(kube, self.config, database.replace(LOOPBACK, self.config.host), store)
        cleanup.push_async_callback(stack_objects.remove_outside, kube, self.config)

    def kube(self) -> Kube:
        """A client of the cluster, not yet open."""
        return Kube.from_kubeconfig(self.kubeconfig)

    # -- operators ----------------------------------------------------------------------------------------------------

    def operator_environment(self, replica: str) -> dict[str, str]:
        """The whole environment of an operator: nothing of this process's own but ``PATH``."""
        if replica not in self._health_ports:
            self._health_ports[replica] = _free_port()
        kubeconfig = self.config.kubeconfig or self.api.write_kubeconfig(
            self.folder / f"kubeconfig-{replica}", user=replica, namespace=self.config.namespace
        )
        return {
            "PATH": images()[RUNNER_IMAGE].path,
            "PYTHONUNBUFFERED": "1",
            MARK: str(self.folder),
            "KUBECONFIG": str(kubeconfig),
            "POD_NAME": replica,
            "REGEN_DATABASE_URL": self.database_url("operator"),
            "REGEN_CLASSES_FILE": str(self.folder / "classes.yaml"),
            "REGEN_HEALTH_PORT": str(self._health_ports[replica]),
            **self.config.settings_of_operators(),
        }

    async def start_operator(self, name: str, **settings: str) -> asyncio.subprocess.Process:
        """Starts an operator; its output goes to ``log_file(name)``, after what an earlier one of that name wrote.

        Args:
            name: of the replica.
            settings: further environment variables, which win.

        Raises:
            FileNotFoundError: ``regen-operator`` is not installed.
        """
        with self.log_file(name).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                program("regen-operator", self.config.programs),
                env=self.operator_environment(name) | settings,
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.operators[name] = process
        return process

    # -- the control plane --------------------------------------------------------------------------------------------

    async def start_api(self) -> ControlPlane:
        """Starts ``regen-api`` with a user and plans, unless it runs already, and waits until it answers.

        Raises:
            FileNotFoundError: ``regen-api`` is not installed.
            RuntimeError: it does not answer.
        """
        if self._control_plane is None:
            stack_api.seed(self.superuser_url)
            key, port, log = secrets.token_urlsafe(24), _free_port(), self.log_file("api")
            environment = stack_api.environment(
                database_url=self.database_url("api"),
                output_url=self.store.output_url,
                store=self.store.reader_environment,
                key=key,
                port=port,
            )
            with log.open("ab") as output:
                process = await asyncio.create_subprocess_exec(
                    program("regen-api"),
                    env={"PATH": images()[RUNNER_IMAGE].path, MARK: str(self.folder), **environment},
                    cwd=self.folder,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            self._control_plane = stack_api.ControlPlane(f"http://{LOOPBACK}:{port}", key, process)
            await stack_api.ready(self._control_plane, log)
        return self._control_plane

    async def _stop_programs(self) -> None:
        programs = [*self.operators.values(), *([self._control_plane.process] if self._control_plane else [])]
        running = [process for process in programs if process.returncode is None]
        for process in running:
            with suppress(ProcessLookupError):
                process.terminate()
        await asyncio.gather(*(_ended(process) for process in running))
        self.operators.clear()
        self._control_plane = None


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _started(part: Part | None) -> Part:
    if part is None:
        msg = "the stack: expected it to be started"
        raise RuntimeError(msg)
    return part


def _make_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="regen-stack-")).resolve()
    (folder / "logs").mkdir()
    return folder


def _login(role: str) -> str:
    return f"{role}_login"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
