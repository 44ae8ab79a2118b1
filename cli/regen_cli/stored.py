"""Read the stored objects of jobs for the invariant checks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from regen_cli.objects import Objects, located, sibling
from regen_core.canonical import sha256_hex
from regen_core.names import LOG_NAME, MANIFEST_NAME, PROVENANCE_NAME
from regen_core.states import JobStatus
from regen_store.errors import ObjectMissing
from regen_store.location import Location, parse_location
from regen_verify import JobObjects, JobRecord, ObjectRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regen_cli.database import Database
    from regen_verify import Snapshot

THREADS: Final = 8
MAX_READ_BYTES: Final = 16 << 20
"""Largest manifest or provenance that is read. ``publish`` writes no larger one."""
_PROBE: Final = ".regen-probe"
"""What every start of ``publish`` tries the store with; it belongs to no job."""


def with_objects(snapshot: Snapshot, objects: Objects, *, deep: bool) -> Snapshot:
    """Return the snapshot with the stored objects of its COMPLETED jobs.

    Args:
        snapshot: from the database.
        objects: the store.
        deep: read and hash every object instead of checking presence and size.
    """
    wanted = [job for job in snapshot.jobs if _has_objects(job)]
    for job in wanted[:1]:
        if (location := parse_location(job.output_ref or "")) is not None:
            objects.prepare(location)
    look = _read if deep else _listed
    with ThreadPoolExecutor(THREADS) as pool:
        found = dict(zip((job.id for job in wanted), pool.map(lambda job: look(objects, job), wanted), strict=True))
    return replace(snapshot, jobs=tuple(replace(job, objects=found.get(job.id)) for job in snapshot.jobs))


def orphans(database: Database, objects: Objects, root: Location) -> Iterator[list[str]]:
    """Yield pages of URLs of the objects beneath ``root`` that belong to no output and no running job."""
    for page in objects.pages(root):
        refs, ids, manifests, logs = [], [], [], []
        for at, _ in page:
            inside = at.path.removeprefix(root.path.rstrip("/")).strip("/").split("/")
            if inside != [_PROBE]:
                refs.append(at.url)
                ids.append(inside[1] if len(inside) == 3 else "")
                beside = inside[-1] in {MANIFEST_NAME, PROVENANCE_NAME}
                manifests.append(sibling(at, MANIFEST_NAME).url if beside else None)
                logs.append(inside[-1] == LOG_NAME)
        parameters = {"refs": refs, "ids": ids, "manifests": manifests, "logs": logs}
        yield [row[0] for row in database.named("orphans", parameters)]


def _has_objects(job: JobRecord) -> bool:
    return job.status is JobStatus.COMPLETED and not job.ended_before_regen and job.output_ref is not None


def _listed(objects: Objects, job: JobRecord) -> JobObjects:
    """Return presence and size, from one listing of the job's folder."""
    location = parse_location(job.output_ref or "")
    if location is None:
        return JobObjects({})
    folder = replace(location, path=location.path.removesuffix(MANIFEST_NAME).rstrip("/"))
    return JobObjects({at.url: ObjectRecord(count) for page in objects.pages(folder) for at, count in page})


def _read(objects: Objects, job: JobRecord) -> JobObjects:
    """Read every object that the rows name."""
    found: dict[str, ObjectRecord] = {}
    for one in job.outputs:
        if (record := _measured(objects, one.ref)) is not None:
            found[one.ref] = record
    location = parse_location(job.output_ref or "")
    if location is None or job.output_ref is None:
        return JobObjects(found)
    at_provenance = sibling(location, PROVENANCE_NAME)
    manifest, provenance = _content(objects, location), _content(objects, at_provenance)
    for ref, content in ((job.output_ref, manifest), (at_provenance.url, provenance)):
        if content is not None:
            found[ref] = ObjectRecord(len(content), sha256_hex(content))
    return JobObjects(found, manifest, provenance or b"")


def _measured(objects: Objects, ref: str) -> ObjectRecord | None:
    try:
        return objects.measure(located(ref))
    except ObjectMissing:
        return None


def _content(objects: Objects, at: Location) -> bytes | None:
    try:
        with objects.open(at) as stream:
            return stream.read(MAX_READ_BYTES)
    except ObjectMissing:
        return None
