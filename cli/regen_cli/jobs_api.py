"""Jobs through the HTTP API (docs/api.md), with the permissions of the caller's token."""

from __future__ import annotations

import hashlib
import re
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from regen_cli.api import ApiProblem, RateLimited, ResponseTruncated
from regen_cli.exits import NotFound, Unavailable, followed_by
from regen_cli.jobs import EVIDENCE, MAX_LOG_BYTES, Page, Waiting, no_such_job, repeat_with, reused_key
from regen_cli.printing import say
from regen_cli.stored import MAX_READ_BYTES
from regen_cli.wire import parse_accepted, parse_events, parse_job, parse_jobs
from regen_core.canonical import sha256_hex
from regen_core.errors import ValidationFailed
from regen_core.manifest import OutputRow
from regen_core.names import MANIFEST_NAME, PROVENANCE_NAME
from regen_store.errors import ObjectMissing
from regen_verify import JobObjects, ObjectRecord, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from regen_cli.api import Answer, Api
    from regen_cli.jobs import JobLine, Request, Wanted
    from regen_cli.wire import ReadJob
    from regen_verify import JobRecord

_JOBS: Final = "regeneration-jobs"
_PAGE: Final = 200
"""Jobs on one page of the API."""
_REPLAYED: Final = "Idempotency-Replayed"
_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")
_READS_PER_SECOND: Final = 5.0
"""Half of the API's default rate limit per subject."""


class ApiJobs:
    """See ``jobs.Jobs``.

    Args:
        api: entered.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[str, tuple[str, ReadJob]] = {}

    def find(self, job_id: str) -> JobRecord:
        record = self._read(job_id).record
        return replace(record, events=parse_events(self._get(job_id, "events").body, job_id))

    def waiting(self, job_id: str) -> Waiting | None:
        return self._read(job_id).waiting

    def page(self, wanted: Wanted, limit: int) -> Page:
        """See ``Jobs``. A long page takes several requests."""
        lines: list[JobLine] = []
        cursor = wanted.cursor
        while True:
            query = [("status", str(status)) for status in wanted.statuses]
            given = {"type": wanted.type, "requestedBy": wanted.requester, "cursor": cursor}
            query += [(name, value) for name, value in given.items() if value is not None]
            query.append(("limit", str(min(_PAGE, limit - len(lines)))))
            answer = self._api.get([_JOBS], query)
            some, cursor = parse_jobs(answer.body, answer.now)
            lines += some
            if cursor is None or len(lines) >= limit:
                return Page(lines, cursor)

    def lines(self, ids: Collection[str]) -> list[JobLine]:
        found = []
        for job_id in ids:
            with suppress(NotFound):
                found.append(self._read(job_id).line)
        return found

    def current(self, limit: int) -> list[JobLine]:
        answer = self._api.get(["queue"], [("limit", str(limit))])
        return parse_jobs(answer.body, answer.now)[0]

    def insert(self, request: Request) -> tuple[str, bool]:
        """See ``Jobs``. The API chooses id and requester.

        The request always has an idempotency key, by default its id, so that it can be repeated after a lost response.
        """
        if request.requested_by is not None:
            msg = "--requested-by cannot be used with the API, which records the token's subject."
            raise ValidationFailed(msg)
        if request.key is not None and not _KEY.fullmatch(request.key):
            msg = f"--idempotency-key must be 1 to 200 visible ASCII characters, not {request.key!r}."
            raise ValidationFailed(msg)
        asked = {name: value for name, value in request.instruction.items() if name != "version"}
        body = asked | {"priority": request.priority, "retryOf": request.retry_of}
        key = request.key or request.job_id
        try:
            answer = self._api.post([_JOBS], body, {"Idempotency-Key": key})
        except RateLimited:
            raise
        except Unavailable as error:
            raise Unavailable(followed_by(error.message, repeat_with(key))) from error
        except ApiProblem as problem:
            if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise Unavailable(followed_by(problem.message, repeat_with(key))) from problem
            if problem.slug == "idempotency-key-reused":
                raise reused_key(key, "a job with another instruction, priority or retryOf") from problem
            if problem.slug == "retry-refused":
                raise ValidationFailed(f"--retry-of: {problem.problem_detail}") from problem
            raise
        return parse_accepted(answer.body), _REPLAYED not in answer.headers

    def listen(self) -> None:
        """See ``Jobs``. The API has no notifications."""

    def pause(self, count: int) -> float:
        """See ``Jobs``. Each job is one request."""
        return max(1.0, count / _READS_PER_SECOND)

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    @contextmanager
    def stream(self, job: JobRecord, output: OutputRow) -> Iterator[Iterator[bytes]]:
        with self._stream(job.id, output.name) as blocks:
            yield blocks

    def proof(self, job_id: str, judge: Callable[[JobRecord], None]) -> Snapshot:
        """See ``Jobs``. Checks the bytes that the API returns."""
        job = self.find(job_id)
        judge(job)
        found: dict[str, ObjectRecord] = {}
        for output in job.outputs:
            if (record := self._measured(job_id, output.name)) is not None:
                found[output.ref] = record
        beside = {name: self._content(job_id, name) for name in EVIDENCE}
        for name, content in beside.items():
            if content is not None:
                found[_ref(job, name)] = ObjectRecord(len(content), sha256_hex(content))
        objects = JobObjects(found, beside[MANIFEST_NAME], beside[PROVENANCE_NAME] or b"")
        return Snapshot(self._read(job_id).line.now, (replace(job, objects=objects),))

    def log(self, job: JobRecord) -> bytes | None:
        """See ``Jobs``. The API returns nothing if there is no stored log."""
        content = bytearray()
        with self._api.stream([_JOBS, job.id, "log"]) as blocks:
            for block in blocks:
                content += block
                if len(content) > MAX_LOG_BYTES:
                    break
        return bytes(content[:MAX_LOG_BYTES]) or None

    def evidence(self, job: JobRecord) -> list[OutputRow]:
        rows = []
        for name, media_type in EVIDENCE.items():
            content = self._content(job.id, name)
            if content is None:
                raise ObjectMissing(f"{name} is missing from the store")
            rows.append(OutputRow(name, _ref(job, name), sha256_hex(content), len(content), media_type))
        return rows

    def _measured(self, job_id: str, name: str) -> ObjectRecord | None:
        digest, size = hashlib.sha256(), 0
        try:
            with self._stream(job_id, name) as blocks:
                for block in blocks:
                    digest.update(block)
                    size += len(block)
        except ObjectMissing as error:
            say(f"output {name}: {error.message}")
            return None
        return ObjectRecord(size, digest.hexdigest())

    def _content(self, job_id: str, name: str) -> bytes | None:
        content = bytearray()
        try:
            with self._stream(job_id, name) as blocks:
                for block in blocks:
                    content += block
                    if len(content) > MAX_READ_BYTES:
                        break
        except ObjectMissing as error:
            say(f"{name}: {error.message}")
            return None
        return bytes(content)

    @contextmanager
    def _stream(self, job_id: str, name: str) -> Iterator[Iterator[bytes]]:
        path = [_JOBS, job_id, "outputs", name]
        try:
            with self._api.stream(path) as blocks:
                yield blocks
        except ResponseTruncated as error:
            if not self._truncates_again(path):
                raise
            msg = "the stored bytes are not the published ones: the API ended its response early"
            raise ObjectMissing(msg) from error
        except ApiProblem as problem:
            if problem.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.BAD_GATEWAY}:
                raise
            raise ObjectMissing(f"the API cannot return the published bytes: {problem.problem_detail}") from problem

    def _truncates_again(self, path: Sequence[str]) -> bool:
        """Return whether the response ends early again, as it does if the stored bytes are not the published ones."""
        try:
            with self._api.stream(path) as blocks:
                for _ in blocks:
                    pass
        except ResponseTruncated:
            return True
        except Unavailable:
            return False
        return False

    def _read(self, job_id: str) -> ReadJob:
        etag, known = self._known.get(job_id, (None, None))
        answer = self._get(job_id, etag=etag)
        if known is not None and answer.body is None:
            return replace(known, line=replace(known.line, now=answer.now))
        read = parse_job(answer.body, answer.now)
        if answer.etag is not None:
            self._known[job_id] = (answer.etag, read)
        return read

    def _get(self, job_id: str, *rest: str, etag: str | None = None) -> Answer:
        try:
            return self._api.get([_JOBS, job_id, *rest], etag=etag)
        except ApiProblem as problem:
            if problem.status != HTTPStatus.NOT_FOUND:
                raise
            raise no_such_job(job_id) from problem


def _ref(job: JobRecord, name: str) -> str:
    """Return the URL of a file beside the manifest."""
    return (job.output_ref or "").removesuffix(MANIFEST_NAME) + name
