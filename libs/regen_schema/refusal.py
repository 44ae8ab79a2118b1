"""The one error of a migration that will not run."""

from __future__ import annotations

from regen_core.errors import RegenError


class SchemaRefused(RegenError):
    """The database, or what is in it, is not what a migration can build on; nothing was changed.

    ``message`` says what was found, what was expected, and where there is one the way out.
    """
