"""Jobs in any state, made the way the product makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    import psycopg

NONCE = "0123456789abcdef0123456789abcdef"
LOST = {"classification": "lost", "retryable": True, "message": "gone", "detail": {}}
STORE = "s3://regen/outputs"


def output_ref(job_id: str, job_type: str = "document") -> str:
    """The URL of a job's manifest."""
    return f"{STORE}/{job_type}/{job_id}/manifest.json"


OUTPUT_REF = output_ref("j")


def instruction(job_type: str = "document", *, version: int = 1, **inputs: Any) -> dict[str, Any]:
    return {"type": job_type, "version": version, "inputs": inputs}


def output(name: str = "a.pdf", *, job_id: str = "j", ref: str | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "ref": ref or f"{STORE}/document/{job_id}/{name}",
        "sha256": "a" * 64,
        "sizeBytes": 5,
        "mediaType": "application/pdf",
    }


def insert(
    connection: psycopg.Connection[Any],
    job_id: str,
    job_type: str = "document",
    *,
    priority: int = 0,
    requester: str | None = None,
    key: str | None = None,
    version: int = 1,
) -> str:
    connection.execute(
        """INSERT INTO "RegenerationJob" (id, "instructionJson", priority, "requestedBy", "idempotencyKey")
           VALUES (%s, %s, %s, %s, %s)""",
        (job_id, Jsonb(instruction(job_type, version=version)), priority, requester, key),
    )
    return job_id


def claim(
    connection: psycopg.Connection[Any],
    batch: int = 20,
    *,
    total: int | None = None,
    types: dict[str, int] | None = None,
    requester: int | None = None,
    known: tuple[str, ...] = ("document", "export"),
) -> list[tuple[str, str]]:
    """(id, status) of each row that the claim returned, in its order."""
    rows = connection.execute(
        "SELECT id, status::text FROM regen_claim_v1(%s, %s, %s, %s, %s)",
        (batch, total, None if types is None else Jsonb(types), requester, list(known)),
    )
    return rows.fetchall()


def running(connection: psycopg.Connection[Any], job_id: str) -> str:
    """Inserts ``job_id`` and claims it."""
    insert(connection, job_id)
    assert claim(connection) == [(job_id, "RUNNING")]
    return job_id


def start(connection: psycopg.Connection[Any], job_id: str, *, uid: str = "uid-1", nonce: str = NONCE) -> str:
    row = connection.execute("SELECT outcome FROM regen_start_v1(%s, %s, %s, %s)", (job_id, uid, "pod-1", nonce)).fetchone()
    assert row is not None
    return str(row[0])


def complete(
    connection: psycopg.Connection[Any], job_id: str, *, nonce: str = NONCE, ref: str | None = None, outputs: Any = None
) -> str:
    given = [output(job_id=job_id)] if outputs is None else outputs
    row = connection.execute(
        "SELECT regen_complete_v1(%s, %s, %s, %s)", (job_id, nonce, ref or output_ref(job_id), Jsonb(given))
    ).fetchone()
    assert row is not None
    return str(row[0])


def fail_run(connection: psycopg.Connection[Any], job_id: str, *, nonce: str = NONCE, error: Any = None) -> str:
    row = connection.execute("SELECT regen_fail_run_v1(%s, %s, %s)", (job_id, nonce, Jsonb(error or LOST))).fetchone()
    assert row is not None
    return str(row[0])


def fail(connection: psycopg.Connection[Any], *failures: dict[str, Any]) -> list[tuple[str, str]]:
    """(id, outcome) for each failure; without an error or a condition: lost, whatever is so."""
    entries = [{"error": LOST, "condition": "any"} | failure for failure in failures]
    return connection.execute("SELECT id, outcome FROM regen_fail_v1(%s)", (Jsonb(entries),)).fetchall()


def status(connection: psycopg.Connection[Any], job_id: str) -> str:
    row = connection.execute('SELECT status::text FROM "RegenerationJob" WHERE id = %s', (job_id,)).fetchone()
    assert row is not None
    return str(row[0])


def events(connection: psycopg.Connection[Any], job_id: str) -> list[str]:
    rows = connection.execute('SELECT event FROM "AuditEvent" WHERE "jobId" = %s ORDER BY id', (job_id,))
    return [row[0] for row in rows]


def behind_the_guards(connection: psycopg.Connection[Any], table: str, statement: str, parameters: Any = ()) -> None:
    """Run as a superuser what no guard allows, with the triggers of ``table`` off."""
    connection.execute(f'ALTER TABLE public."{table}" DISABLE TRIGGER ALL'.encode())
    connection.execute(statement.encode(), parameters)
    connection.execute(f'ALTER TABLE public."{table}" ENABLE TRIGGER ALL'.encode())
