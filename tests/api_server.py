"""The control plane's own server in a thread of the test's process, on a free port."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from regen_api.main import server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regen_api.settings import Settings


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """The program's server in a thread, and its address."""
    running = server(settings)
    thread = threading.Thread(target=running.run)
    listening = threading.Event()
    begin = running.startup

    async def startup(*arguments: Any, **named: Any) -> None:
        await begin(*arguments, **named)
        listening.set()

    running.startup = startup  # type: ignore[method-assign] # to learn when, and the port
    thread.start()
    try:
        assert listening.wait(60)
        yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join(60)
        assert not thread.is_alive()
