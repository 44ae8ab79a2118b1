"""Distance: a TCP proxy that holds everything on its way to the server for a while, as a network does; and a slow disk.

``python -m regen_bench.database.delay PORT SECONDS`` prints the port it listens on and forwards to ``PORT`` on loopback.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import uvloop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "127.0.0.1"
FLUSH_SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
int fdatasync(int descriptor) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    usleep(MICROSECONDS);
    return real(descriptor);
}
"""


@contextmanager
def far_away(url: str, seconds: float) -> Iterator[str]:
    """The URL of the same database behind ``seconds`` for each round trip."""
    parts = urlsplit(url)
    command = [sys.executable, "-m", "regen_bench.database.delay", str(parts.port), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}"))
        finally:
            process.terminate()


def slow_flush_library(folder: Path, microseconds: int) -> Path | None:
    """A library to preload that makes every flush take longer; None where no C compiler is."""
    source, library = folder / "flush.c", folder / "flush.so"
    source.write_text(FLUSH_SOURCE, encoding="utf-8")
    command = ["cc", "-shared", "-fPIC", f"-DMICROSECONDS={microseconds}", "-o", str(library), str(source), "-ldl"]
    try:
        subprocess.run(command, check=True, timeout=60, capture_output=True)
    except FileNotFoundError:
        return None
    library.chmod(0o755)
    return library


async def _serve(port: int, seconds: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, downstream = await asyncio.open_connection(HOST, port)
        with suppress(ConnectionError):
            await asyncio.gather(_copy(reader, downstream, seconds), _copy(upstream, writer, 0.0))

    server = await asyncio.start_server(connected, HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter, seconds: float) -> None:
    """Forwards in order, each piece ``seconds`` after it came; pieces overlap, so that pipelining helps as it does in truth."""
    loop = asyncio.get_running_loop()
    try:
        while piece := await source.read(65536):
            if seconds:
                loop.call_later(seconds, target.write, piece)
            else:
                target.write(piece)
    finally:
        loop.call_later(seconds, target.close)


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
