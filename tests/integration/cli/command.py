"""The command in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS = ("REGEN_", "PG", "AWS_", "KUBECONFIG")


def regen(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs ``regen`` with no setting but ``environment``."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    return subprocess.run(
        [sys.executable, "-c", "from regen_cli.main import main; main()", *arguments],
        env=clean | {"COLUMNS": "200"} | environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@dataclass(frozen=True, slots=True)
class Command:
    """``regen`` with settings that stay the same from call to call."""

    environment: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return regen(*arguments, stdin=stdin, **{**self.environment, **environment})

    def json(self, *arguments: str, status: int = 0) -> Any:
        """What the command answers as JSON; it must exit with ``status``."""
        done = self(*arguments, "-o", "json")
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)
