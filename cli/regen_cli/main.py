"""The command ``regen``: one line per error on standard error, exit status 1 for trouble, 2 for a wrong setting."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from regen_cli.migrate import migrate
from regen_core.errors import RegenError, SettingsInvalid

if TYPE_CHECKING:
    from typing import NoReturn

app = typer.Typer(
    name="regen",
    help="Regeneration jobs: their database, what runs, and what came out. Settings are environment variables (REGEN_…).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(migrate)


@app.callback()
def _root() -> None:
    """Regeneration jobs: their database, what runs, and what came out. Settings are environment variables (REGEN_…)."""


def main() -> NoReturn:
    """Runs the command line, and ends the process."""
    try:
        app()
    except SettingsInvalid as error:
        sys.exit(_say(error, status=2))
    except RegenError as error:
        sys.exit(_say(error, status=1))
    sys.exit(0)


def _say(error: RegenError, *, status: int) -> int:
    typer.echo(f"regen: {error.message}", err=True)
    return status
