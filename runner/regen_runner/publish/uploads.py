"""Puts the checked artifacts, the provenance and the manifest into the store, until it is done or there is no time left.

The puts run in a thread of their own: a put may wait a minute for an answer, and SIGTERM leaves less than that for the
report. A put that is abandoned may still land; without an output row it is no output, and ``regen fsck`` lists it.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Final, TypeVar

from regen_core.canonical import sha256_hex
from regen_core.errors import Classification, RegenError, StoreUnavailable
from regen_core.manifest import OutputRow, ProvenanceObject
from regen_core.names import MANIFEST_NAME, PROVENANCE_NAME, artifact_key
from regen_core.provenance import MEDIA_TYPE as PROVENANCE_MEDIA_TYPE
from regen_runner.logs import log
from regen_runner.report import log_unavailable
from regen_runner.retry import Patience, until_answered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regen_core.manifest import Manifest
    from regen_runner.publish.attestation import Attestor
    from regen_runner.publish.outputs import CheckedOutput
    from regen_runner.retry import Stop
    from regen_store.port import Store

MANIFEST_MEDIA_TYPE: Final = "application/json"

Answer = TypeVar("Answer")


class UploadInterrupted(RegenError):
    """SIGTERM or the deadline came before everything was stored."""

    classification: ClassVar[Classification] = Classification.LOST
    retryable: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Stored:
    """What is in the store: the manifest's URL and one row per artifact."""

    output_ref: str
    rows: tuple[OutputRow, ...]


class Upload:
    """One job's upload.

    Args:
        store: where to.
        manifest: without artifacts and provenance.
        attestor: makes the provenance.
        outputs: open files, in the order of their names.
        stop: after which no put begins.
        deadline: of ``time.monotonic()``, for everything.
        last_put_seconds: how long a put that is under way may still take after ``stop``.
    """

    def __init__(
        self,
        store: Store,
        manifest: Manifest,
        attestor: Attestor,
        outputs: Sequence[CheckedOutput],
        *,
        stop: Stop,
        deadline: float,
        last_put_seconds: float,
    ) -> None:
        self._store = store
        self._manifest = manifest
        self._attestor = attestor
        self._outputs = outputs
        self._stop = stop
        self._trying = Patience(deadline, stop)
        self._waiting = Patience(deadline, stop, last_put_seconds)
        self._answer: Stored | Exception | None = None

    def run(self) -> Stored:
        """Probes the store, puts the artifacts by name, their provenance, and the manifest last (rule R12).

        Raises:
            OutputExists: other bytes lie at one of the keys.
            OutputRefused: a file's bytes are no longer those that were checked, or the job's id makes no key.
            StoreUnsafe: the store ignores the condition.
            StoreDenied: the store will not take it.
            StoreUnavailable: the store could not be reached until the deadline.
            UploadInterrupted: there was no time.
        """
        ended, ending = os.pipe2(os.O_CLOEXEC)
        thread = threading.Thread(target=self._work, args=(ending,), name="upload", daemon=True)
        thread.start()
        self._stop.wait(self._waiting.remaining(), ended)
        thread.join(self._waiting.remaining())
        os.close(ended)
        if self._answer is None:
            raise _interrupted()
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def _work(self, ending: int) -> None:
        try:
            self._answer = self._stored()
        except Exception as error:  # noqa: BLE001 - raised again where the thread is awaited
            self._answer = error
        finally:
            os.close(ending)

    def _stored(self) -> Stored:
        self._tried(self._store.probe)
        rows = tuple(self._output_row(output) for output in self._outputs)
        manifest = replace(self._manifest, artifacts=rows)
        manifest = replace(manifest, provenance=self._provenance(manifest))
        content = manifest.as_bytes()
        return Stored(self._put(MANIFEST_NAME, content, sha256_hex(content), MANIFEST_MEDIA_TYPE), rows)

    def _output_row(self, output: CheckedOutput) -> OutputRow:
        ref = self._put(output.name, output.open(), output.sha256, output.media_type)
        return OutputRow(output.name, ref, output.sha256, output.size_bytes, output.media_type)

    def _provenance(self, manifest: Manifest) -> ProvenanceObject:
        content = self._attestor.bundle(manifest)
        digest = sha256_hex(content)
        log("provenance made", signed=self._attestor.signer is not None, sha256=digest)
        self._put(PROVENANCE_NAME, content, digest, PROVENANCE_MEDIA_TYPE)
        return ProvenanceObject(PROVENANCE_NAME, digest, len(content))

    def _put(self, name: str, body: bytes | BinaryIO, sha256: str, media_type: str) -> str:
        key = artifact_key(self._manifest.type, self._manifest.job_id, name)
        ref = self._tried(lambda: self._store.put(key, body, sha256, media_type))
        log("stored", key=key, sha256=sha256)
        return ref

    def _tried(self, call: Callable[[], Answer]) -> Answer:
        def begin() -> Answer:
            if self._stop.requested_at is not None:
                raise _interrupted()
            return call()

        return until_answered(begin, again=StoreUnavailable, patience=self._trying, on_failure=log_unavailable)


def _interrupted() -> UploadInterrupted:
    return UploadInterrupted("publish: expected time to store every artifact, got a stop before")
