"""``regen-api``: serves until SIGTERM, then finishes what it was asked and ends."""

from __future__ import annotations

import sys

import structlog
import uvicorn

from regen_api.app import create_app
from regen_api.logs import configure_logs
from regen_api.settings import Settings, load_settings
from regen_core.errors import SettingsInvalid

log = structlog.get_logger("regen.api")


def server(settings: Settings) -> uvicorn.Server:
    """The server, not started yet."""
    return uvicorn.Server(
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
            h11_max_incomplete_event_size=64 * 1024,
        )
    )


def main() -> None:
    """The program."""
    try:
        settings = load_settings()
    except SettingsInvalid as error:
        sys.exit(f"regen-api: {error.message}")
    configure_logs(settings.log_level)
    log.info("api starts", host=settings.http_host, port=settings.http_port, env=settings.env)
    server(settings).run()


if __name__ == "__main__":
    main()
