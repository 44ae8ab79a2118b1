"""prepare and publish as whole processes, or as their ``run``, against a real database and real stores.

Inputs made up: the folders and environment that a kubelet would give, and what execute would leave. Checked: exit status,
termination message, files, rows and objects. Not mocked: SQL, S3, HTTP, files, signals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.runner.pods import Pod

if TYPE_CHECKING:
    from pathlib import Path

    from tests.database_fixtures import Database


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """The folder of the file store."""
    folder = tmp_path / "outputs"
    folder.mkdir()
    return folder


@pytest.fixture
def pod(tmp_path: Path, database: Database, outputs: Path) -> Pod:
    """The first pod of job ``job1``, with a file store."""
    return Pod(tmp_path / "pod", database.runner_url, outputs.as_uri())
