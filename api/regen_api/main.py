"""``regen-api``: serves until SIGTERM, then finishes what it was asked and ends."""

from __future__ import annotations

import logging
import signal
import socket
import sys

import structlog
import uvicorn

from regen_api.app import create_app
from regen_api.settings import Settings, load_settings
from regen_core.errors import RegenError, SettingsInvalid
from regen_core.logs import configure_logs

log = structlog.get_logger("regen.api")


class Server(uvicorn.Server):
    """Says where it listens, which the settings leave open with port 0."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens."""
        await super().startup(sockets)
        for listening in self.servers:
            for one in listening.sockets:
                log.info("api listens", host=one.getsockname()[0], port=one.getsockname()[1])


def server(settings: Settings) -> Server:
    """The server, not started yet.

    Raises:
        SettingsInvalid: a variable that is not ours, of the store, cannot be used.
    """
    return Server(
        uvicorn.Config(
            create_app(settings),
            host=settings.http_host,
            port=settings.http_port,
            log_config=None,
            access_log=False,  # envelope.py writes one line for each request
            server_header=False,
            date_header=True,
            proxy_headers=False,
            timeout_graceful_shutdown=settings.shutdown_seconds,
            http="h11",  # the one parser that bounds what a request may hold before its body
            h11_max_incomplete_event_size=64 * 1024,
        )
    )


def _is_news(record: logging.LogRecord) -> bool:
    """False for an error of ours that uvicorn repeats with its trace: problems.py has logged it in one line."""
    return record.exc_info is None or not isinstance(record.exc_info[1], RegenError)


def main() -> None:
    """The program."""
    try:
        settings = load_settings()
        configure_logs(settings.log_level, quiet=["uvicorn.error", "httpx", "botocore"])
        serving = server(settings)
    except SettingsInvalid as error:
        sys.exit(f"regen-api: {error.message}")
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    # uvicorn raises the signal that ended it once more, for whoever was there before: an end on request is a success.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    serving.run()


if __name__ == "__main__":
    main()
