"""Which way leads to the jobs: the settings say."""

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
        help="Go over the HTTP API at this address, with the token in REGEN_API_TOKEN, and not to the database.",
        show_default=False,
    ),
]


@contextmanager
def open_jobs(api_url: str | None) -> Iterator[Jobs]:
    """The jobs over the API at ``api_url``, or straight on the database where that is None.

    Raises:
        SettingsInvalid: neither way is set, or both are.
    """
    on_database = bool(os.environ.get("REGEN_DATABASE_URL"))
    if api_url and on_database:
        msg = "REGEN_DATABASE_URL and --api-url (REGEN_API_URL): expected one of the two, got both; unset the one not meant"
        raise SettingsInvalid(msg)
    if not api_url and not on_database:
        msg = (
            "REGEN_DATABASE_URL: expected a connection string such as postgresql://user@host/database, or --api-url "
            "(REGEN_API_URL) with the API's address, got neither"
        )
        raise SettingsInvalid(msg)
    # Start only what this command uses.
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
