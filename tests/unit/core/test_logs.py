"""Do logged errors keep local variables, and so passwords, to themselves?"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
import structlog

from regen_core.logs import configure_logs

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "a-local-value"


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, kopf_level = root.handlers, root.level, logging.getLogger("kopf").level
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.getLogger("kopf").setLevel(kopf_level)
    structlog.reset_defaults()


def _written(capfd: pytest.CaptureFixture[str]) -> str:
    for handler in logging.getLogger().handlers:
        handler.flush()
    return capfd.readouterr().err


def _connect(url: str) -> None:
    raise ValueError(f"no answer, and {len(url)} characters of a URL")


@pytest.mark.parametrize("terminal", [False, True], ids=["json", "terminal"])
def test_an_error_is_logged_without_local_variables(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, terminal: bool
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr.isatty", lambda: terminal)
        configure_logs("info", quiet=["kopf"])
    try:
        _connect(PASSWORD)
    except ValueError:
        structlog.get_logger("test").exception("died")
    written = _written(capfd)
    assert "no answer" in written
    assert "_connect" in written
    assert PASSWORD not in written
    if not terminal:
        assert json.loads(written)["event"] == "died"
