"""Attempts that must be refused, each made for real. The demo prints the answer of the server that refused."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from botocore.exceptions import ClientError
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Callable

    from regen_demo.jobs import DemoJob


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: whether it was refused, and the answer."""

    what: str
    refused: bool
    answer: str


async def statement(url: str, what: str, sql: LiteralString, parameters: tuple[Any, ...]) -> Attempt:
    """Tries one statement in a transaction; a change of zero rows and any error of the server count as refused."""
    async with await psycopg.AsyncConnection.connect(url, connect_timeout=10) as connection:
        try:
            cursor = await connection.execute(sql, parameters)
        except psycopg.Error as error:
            await connection.rollback()
            return Attempt(what, refused=True, answer=_first_line(error))
        count = cursor.rowcount
        await connection.rollback()
        return Attempt(what, refused=count == 0, answer=f"{count} rows changed")


async def rows(owner_url: str, api_url: str, completed_id: str) -> list[Attempt]:
    """Writes that the database refuses, even to the table's owner."""
    return [
        await statement(
            owner_url,
            "move COMPLETED to PENDING (as the owner)",
            """UPDATE "RegenerationJob" SET status = 'PENDING' WHERE id = %s""",
            (completed_id,),
        ),
        await statement(
            owner_url,
            "change an instruction (as the owner)",
            """UPDATE "RegenerationJob" SET "instructionJson" = jsonb_set("instructionJson", '{inputs,title}', '"other"')
               WHERE id = %s""",
            (completed_id,),
        ),
        await statement(
            owner_url,
            "change an output row (as the owner)",
            """UPDATE "RegenerationOutput" SET sha256 = repeat('0', 64) WHERE "jobId" = %s""",
            (completed_id,),
        ),
        await statement(
            owner_url,
            "delete an audit event (as the owner)",
            """DELETE FROM "AuditEvent" WHERE "jobId" = %s""",
            (completed_id,),
        ),
        await statement(
            api_url,
            "insert a COMPLETED row (as the API)",
            """INSERT INTO "RegenerationJob" (id, status, "instructionJson") VALUES ('forged', 'COMPLETED', '{}')""",
            (),
        ),
    ]


async def claim_twice(operator_url: str, api_url: str, job: DemoJob) -> Attempt:
    """Several claims of one PENDING row at once, while no operator runs."""
    await insert(api_url, [job])

    async def claim() -> int:
        async with await psycopg.AsyncConnection.connect(operator_url, connect_timeout=10) as connection:
            cursor = await connection.execute(
                "SELECT id FROM regen_claim_v1(10, 100, '{}', NULL, %s)", ([job.instruction["type"]],)
            )
            return len(await cursor.fetchall())

    counts = [*await asyncio.gather(claim(), claim()), await claim()]
    return Attempt("claim one job three times", sum(counts) == 1, f"rows given to each claimer: {counts}")


async def insert(api_url: str, jobs: list[DemoJob]) -> None:
    """Inserts PENDING rows with the API's role, in one transaction."""
    async with await psycopg.AsyncConnection.connect(api_url, connect_timeout=10) as connection, connection.cursor() as cursor:
        await cursor.executemany(
            """INSERT INTO "RegenerationJob" (id, "instructionJson", priority, "requestedBy") VALUES (%s, %s, %s, %s)""",
            [(job.id, Jsonb(job.instruction), job.priority, job.requester) for job in jobs],
        )


def store_calls(client: Any, bucket: str, key: str) -> list[Attempt]:
    """Calls that the store refuses to the runner's credentials."""
    return [
        _store_call(
            "overwrite an object (as the runner)",
            lambda: client.put_object(Bucket=bucket, Key=key, Body=b"other bytes", IfNoneMatch="*"),
        ),
        _store_call("delete an object (as the runner)", lambda: client.delete_object(Bucket=bucket, Key=key)),
    ]


def _store_call(what: str, call: Callable[[], Any]) -> Attempt:
    try:
        call()
    except ClientError as error:
        answer = error.response
        return Attempt(
            what, refused=True, answer=f"{answer['ResponseMetadata']['HTTPStatusCode']} {answer['Error'].get('Code', '')}"
        )
    return Attempt(what, refused=False, answer="accepted")


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().splitlines()[0]
