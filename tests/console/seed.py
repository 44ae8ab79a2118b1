"""Jobs as a working day leaves them, made by the functions that operator and runner call."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from tests.integration.database.jobs import claim, complete, fail_run, insert, start

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

MARKDOWN = "# Release notes\n\nThe **third** edition adds tables and footnotes.\n\n| Part | Pages |\n|---|---:|\n| One | 12 |\n"
CSV = "city,country,population\nOslo,Norway,709037\nBergen,Norway,291940\nTurku,Finland,197900\n"
PLAN = '{"topic": "Interview prep", "weeks": [{"week": 1, "minutes": 360}, {"week": 2, "minutes": 345}]}'


def png(width: int = 240, height: int = 120) -> bytes:
    """A picture."""
    rows = b"".join(b"\0" + bytes(value for x in range(width) for value in (40 + x % 120, 90 + y, 150)) for y in range(height))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def pdf() -> bytes:
    """A page of A4, red but for its title."""
    drawing = b"0.8 0.1 0.1 rg 0 0 595 842 re f 1 1 1 rg BT /F1 36 Tf 60 740 Td (Third edition) Tj ET"
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    whole, places = b"%PDF-1.7\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(whole))
        whole += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(parts) + 1
    return whole + b"xref\n0 %d\n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        table,
        size,
        len(whole),
    )


def store(folder: Path, job_id: str, name: str, content: bytes, media_type: str) -> dict[str, Any]:
    """Writes an output's bytes; answers its row."""
    path = folder / "document" / job_id / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return {"name": name, "ref": path.as_uri(), "sha256": digest, "sizeBytes": len(content), "mediaType": media_type}


def add(
    connection: psycopg.Connection[Any],
    job_id: str,
    inputs: dict[str, Any],
    *,
    job_type: str = "document",
    priority: int = 0,
    requester: str | None = "root",
    retry_of: str | None = None,
) -> str:
    """A PENDING job."""
    connection.execute(
        """INSERT INTO "RegenerationJob" (id, "instructionJson", priority, "requestedBy", "retryOf")
           VALUES (%s, %s, %s, %s, %s)""",
        (job_id, Jsonb({"type": job_type, "version": 1, "inputs": inputs}), priority, requester, retry_of),
    )
    return job_id


def past(connection: psycopg.Connection[Any]) -> None:
    """120 jobs that ended within the last hour, which only time could bring about."""
    connection.execute("SET session_replication_role = replica")
    connection.execute('ALTER TABLE "RegenerationJob" DISABLE TRIGGER regen_guard_insert')
    connection.execute(
        """INSERT INTO "RegenerationJob"
               (id, "instructionJson", status, priority, "requestedBy", "createdAt", "lockedAt", "completedAt", "outputRef",
                "errorJson")
           SELECT md5(n::text), jsonb_build_object('type', (ARRAY['document', 'export', 'plan_regeneration'])[1 + n * n % 3],
                      'version', 1, 'inputs', '{"title": "Report"}'::jsonb),
                  (CASE WHEN failed THEN 'FAILED' ELSE 'COMPLETED' END)::"RegenerationJobStatus",
                  (ARRAY[0, 0, 5, 10])[1 + n % 4], (ARRAY['ada', 'reports', 'root', 'cr:marketing'])[1 + n * 7 % 4],
                  ended - took - interval '2 s', ended - took, ended,
                  CASE WHEN NOT failed THEN 's3://regen/' || n END,
                  CASE WHEN failed THEN '{"classification": "timeout", "message": "stopped after 300 s"}'::jsonb END
           FROM (SELECT n, n % 13 = 4 AS failed, (1 + n * 37 % 90) * interval '1.13 s' AS took,
                        (now() AT TIME ZONE 'UTC') - (2 + n * 0.45 + 4 * sin(n / 6.0)) * interval '1 min' AS ended
                 FROM generate_series(1, 120) n) ended""",
    )
    connection.execute('ALTER TABLE "RegenerationJob" ENABLE ALWAYS TRIGGER regen_guard_insert')
    connection.execute("RESET session_replication_role")


@dataclass(frozen=True, slots=True)
class Seeded:
    """Ids by what became of the job."""

    waiting: str = "7c1e09b2f4d84a36b5a90f2d61c8e704"
    running: str = "2b84d6f0a1c34e58907d1b3e5f6a8c92"
    completed: str = "e0f2a47d9b6c4385a1d20c7f94b8e635"
    failed: str = "95d3c81e60f74b2a8e4f17a09c26bd58"
    retried: str = "41a7f90c2e8d4b63957a0e1dc58b3f26"
    plan: str = "plan-8d21"


def seed(connection: psycopg.Connection[Any], folder: Path) -> Seeded:
    """Jobs in every state, one with every kind of output, one that waits at a cap; two plans."""
    ids = Seeded()
    known = ("document", "export", "plan_regeneration")

    def run(job_id: str) -> str:
        claim(connection, known=known)
        assert start(connection, job_id) == "started"
        return job_id

    past(connection)
    run(add(connection, ids.failed, {"title": "Third edition", "template": "{{ chapter.title }}"}, requester="ada", priority=5))
    fail_run(
        connection,
        ids.failed,
        error={
            "classification": "validation",
            "retryable": False,
            "message": "inputs.template: line 1: 'chapter' is undefined",
            "detail": {"field": "inputs.template", "trace": "template.md:1\n  {{ chapter.title }}"},
        },
    )
    inputs = {"title": "Third edition", "markdown": MARKDOWN, "formats": ["html", "pdf"], "toc": True}
    run(add(connection, ids.completed, inputs, retry_of=ids.failed, priority=5))
    files = [
        ("cities.csv", CSV.encode(), "text/csv; charset=utf-8"),
        ("cover.png", png(), "image/png"),
        ("notes.md", MARKDOWN.encode(), "text/markdown; charset=utf-8"),
        ("plan.json", PLAN.encode(), "application/json"),
        ("print.pdf", pdf(), "application/pdf"),
    ]
    manifest = store(folder, ids.completed, "manifest.json", b"{}", "application/json")["ref"]
    complete(connection, ids.completed, ref=manifest, outputs=[store(folder, ids.completed, *file) for file in files])
    run(add(connection, ids.running, {"rows": [{"a": 1}], "formats": ["csv", "xlsx"]}, job_type="export", requester="reports"))
    for number in range(3):
        insert(connection, f"c{number}0f5d2b7e9a4c18b6d3f0a1e2c4d5b6", requester="ada", priority=10 - number)
    add(connection, ids.waiting, {"title": "Board papers", "markdown": "Draft."}, requester="reports", retry_of=ids.completed)
    connection.execute("""INSERT INTO "User" (id, subject, tier) VALUES ('u1', 'ada', 'pro'), ('u2', 'root', 'free')""")
    connection.execute(
        """INSERT INTO "Plan" (id, "userId", topic, "skillLevel", "weeklyHours", "learningStyle", "startDate", notes)
           VALUES ('plan-8d21', 'u2', 'Interview prep for data engineers', 'intermediate', 6, 'mixed', '2026-12-01',
                   'Evenings only.'),
                  ('plan-90ab', 'u1', 'Watercolour', 'beginner', 3, 'video', NULL, NULL)"""
    )
    return ids
