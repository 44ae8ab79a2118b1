"""Choose between the database and the HTTP API."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from regen_core.errors import SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regen_cli.jobs import Jobs

ApiUrlOption = Annotated[
    str | None,
    typer.Option(
        "--api-url",
        envvar="REGEN_API_URL",
        help="Use the HTTP API at this address, with the token in REGEN_API_TOKEN, instead of the database.",
        show_default=False,
    ),
]


@contextmanager
def open_jobs(api_url: str | None) -> Iterator[Jobs]:
    """Open the jobs through the API at ``api_url``, or through the database if that is None.

    Raises:
        SettingsInvalid: neither is set, or both are.
    """
    on_database = bool(os.environ.get("REGEN_DATABASE_URL"))
    if api_url and on_database:
        msg = "REGEN_DATABASE_URL and --api-url (REGEN_API_URL) are both set. Unset one of them."
        raise SettingsInvalid(msg)
    if not api_url and not on_database:
        msg = (
            "neither REGEN_DATABASE_URL nor --api-url (REGEN_API_URL) is set. Set one: a connection string such as "
            "postgresql://user@host/database, or the API's address."
        )
        raise SettingsInvalid(msg)
    # Import only what this command uses.
    if api_url:
        from regen_cli.api import Api  # noqa: PLC0415
        from regen_cli.jobs_api import ApiJobs  # noqa: PLC0415

        with Api.from_environment(api_url) as api:
            yield ApiJobs(api)
        return
    from regen_cli.database import Database  # noqa: PLC0415
    from regen_cli.jobs_database import DatabaseJobs  # noqa: PLC0415

    with Database.from_environment() as database:
        yield DatabaseJobs(database)
