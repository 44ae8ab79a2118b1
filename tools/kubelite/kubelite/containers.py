"""One container of a pod: its states from ``waiting`` to ``terminated``, and what the status says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from kubelite.environment import expand, real_path, variables_of
from kubelite.images import find_image
from kubelite.keeper import TERMINATION_LOG
from kubelite.process import ContainerProcess, StartFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubelite.environment import Configuration
    from kubelite.images import ImageEnvironment
    from kubelite.volumes import PodFolder

MAX_MESSAGE: Final = 4096
"""Bytes of a termination message at the most (``MaxContainerTerminationMessageLength``)."""
MAX_LOG_MESSAGE: Final = 2048
"""Bytes of log at the most where the policy is ``FallbackToLogsOnError``; also at most 80 lines."""
_MAX_LOG_LINES: Final = 80
_EPOCH: Final = "1970-01-01T00:00:00Z"
_START_ERROR: Final = 128


def now_text() -> str:
    """The time as Kubernetes writes it: UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Container:
    """A container of one pod. ``state`` is the API's ``ContainerState``: exactly one of waiting, running, terminated."""

    spec: Mapping[str, Any]
    pod_uid: str
    state: dict[str, Any] = field(default_factory=lambda: {"waiting": {"reason": "PodInitializing"}})
    process: ContainerProcess | None = None
    oom_killed: bool = False

    @property
    def name(self) -> str:
        """Its name in the pod."""
        return str(self.spec["name"])

    @property
    def exit_code(self) -> int | None:
        """Its exit code, once it has ended."""
        terminated = self.state.get("terminated")
        return None if terminated is None else int(terminated["exitCode"])

    def wait_for(self, reason: str, message: str = "") -> None:
        """Says why it does not run yet."""
        self.state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}

    def start(
        self, pod: Mapping[str, Any], images: Mapping[str, ImageEnvironment], configuration: Configuration, folder: PodFolder
    ) -> None:
        """Starts its process; afterwards it runs, or has ended with reason ``StartError``.

        Raises:
            ContainerWaits: the image cannot be had, or configuration is missing.
        """
        image = find_image(images, self.spec["image"], self.spec.get("imagePullPolicy", "IfNotPresent"))
        declared = variables_of(pod, self.spec, configuration)
        command = [expand(word, image.variables | declared) for word in self._command(image)]
        mounts = folder.mounts(self.spec)
        # An image's own variables name real folders already, which may lie beneath a path such as /tmp.
        env = {**image.variables, **{name: real_path(value, mounts) for name, value in declared.items()}}
        termination_log = folder.termination_log(self.name)
        termination_log.touch()
        env[TERMINATION_LOG] = str(termination_log)
        where = folder.working_folder(self.name)
        try:
            self.process = ContainerProcess(command, env, where, folder.log(self.name), image.start)
        except StartFailed as error:
            self._end(_START_ERROR, "StartError", f"failed to create containerd task: {error}: unknown", _EPOCH)
        else:
            self.state = {"running": {"startedAt": now_text()}}

    def _command(self, image: ImageEnvironment) -> list[str]:
        command = self.spec.get("command")
        return [*(command or image.entrypoint), *(self.spec.get("args") or ())]

    async def wait(self, folder: PodFolder) -> None:
        """Waits until its process has ended and takes down how."""
        if self.process is None:
            return
        code = await self.process.wait()
        if self.exit_code is None:
            started = self.state["running"]["startedAt"]
            reason = "OOMKilled" if self.oom_killed else "Error" if code else "Completed"
            self._end(code, reason, self._message(folder, failed=code != 0), started)

    def abandon(self) -> None:
        """It ran or could have run, and nobody knows how it ended."""
        self._end(137, "ContainerStatusUnknown", "The container could not be located when the pod was terminated", None)

    def _end(self, code: int, reason: str, message: str, started: str | None) -> None:
        terminated: dict[str, Any] = {"exitCode": code, "reason": reason}
        if message:
            terminated["message"] = message
        terminated |= {"startedAt": started, "finishedAt": now_text()}
        if self.process is not None or reason == "StartError":
            terminated["containerID"] = self.identity
        self.state = {"terminated": terminated}

    def _message(self, folder: PodFolder, *, failed: bool) -> str:
        content = folder.termination_log(self.name).read_bytes()[:MAX_MESSAGE]
        if not content and failed and self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            content = b"".join(
                folder.log(self.name).read_bytes()[-MAX_LOG_MESSAGE:].splitlines(keepends=True)[-_MAX_LOG_LINES:]
            )
        return content.decode(errors="replace")

    @property
    def identity(self) -> str:
        """The id that the status gives it; a container is never started twice, so pod and name suffice."""
        return f"kubelite://{self.pod_uid}/{self.name}"

    def status(self, *, init: bool) -> dict[str, Any]:
        """Its ``ContainerStatus``."""
        running = "running" in self.state
        begun = self.process is not None or self.exit_code is not None
        status = {
            "name": self.name,
            "image": self.spec["image"],
            "imageID": f"kubelite://{self.spec['image']}" if begun else "",
            "lastState": {},
            "ready": self.exit_code == 0 if init else running,
            "restartCount": 0,
            "started": running,
            "state": self.state,
        }
        return status | ({"containerID": self.identity} if begun else {})
