"""The command ``regen``. Errors are one line on standard error; docs/cli.md lists the exit statuses."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from regen_cli import audit
from regen_cli.exits import INTERRUPTED, status_of
from regen_cli.fetch import output
from regen_cli.fsck import fsck
from regen_cli.listing import list_jobs
from regen_cli.logs import logs
from regen_cli.migrate import migrate
from regen_cli.printing import say
from regen_cli.purge import purge
from regen_cli.showing import events, show
from regen_cli.trigger import trigger
from regen_cli.verify import verify
from regen_cli.watch import watch
from regen_core.errors import RegenError

if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

PLUGIN = "kubectl-regen"
"""The console script's other name, so that kubectl finds it as ``kubectl regen``."""

app = typer.Typer(
    name="regen",
    help="Create, follow and verify regeneration jobs. Settings are environment variables (REGEN_…).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text that also wraps in a pipe
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command()(trigger)
app.command(name="list")(list_jobs)
app.command()(show)
app.command()(events)
app.command()(output)
app.command()(logs)
app.command()(watch)
app.command()(verify)
app.command()(fsck)
app.add_typer(audit.app, name="audit")
app.command()(purge)
app.command()(migrate)


@app.callback()
def _root() -> None:
    """Create, follow and verify regeneration jobs. Settings are environment variables (REGEN_…)."""


def main() -> NoReturn:
    """Run the command line and exit."""
    signal.signal(signal.SIGINT, _interrupted)
    try:
        app(prog_name="kubectl regen" if Path(sys.argv[0]).name == PLUGIN else "regen")
    except RegenError as error:
        say(error.message)
        sys.exit(status_of(error))
    sys.exit(0)


def _interrupted(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(INTERRUPTED)
