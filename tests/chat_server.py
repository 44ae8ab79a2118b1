"""A real HTTP server on loopback that answers chat completions as a test tells it to, and misbehaves on request."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Answer = Callable[["Handler"], None]


CERTIFICATE = Path(__file__).parent / "tls" / "localhost.pem"
"""Signed by itself, for the name localhost, with its key beside it: of use to nobody but these tests."""


class ChatServer(ThreadingHTTPServer):
    """``answer`` writes the response; ``seen`` has path, headers and body of every request; ``over`` is set at the end."""

    daemon_threads = False
    block_on_close = True

    def __init__(self, answer: Answer, *, tls: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.tls = tls
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE, CERTIFICATE.with_suffix(".key"))
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.answer = answer
        self.seen: list[tuple[str, dict[str, str], Any]] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"{'https://localhost' if self.tls else 'http://127.0.0.1'}:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    """One conversation."""

    server: ChatServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, dict(self.headers), body))
        try:
            self.server.answer(self)
        except (BrokenPipeError, ConnectionResetError):
            return  # The client went, as it should where the server is slow.

    def send(self, status: int, body: bytes, *, length: int | None = None, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def silence(self) -> None:
        self.server.over.wait()

    def trickle(self) -> None:
        """One byte of a header after the other, for ever: no single read lasts long."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.server.over.wait(0.02):
            self.wfile.write(b"x")

    def cut_off(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing."""


@contextmanager
def chat_server(answer: Answer, *, tls: bool = False) -> Iterator[ChatServer]:
    server = ChatServer(answer, tls=tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def completion(content: Any, *, finish_reason: str = "stop", refusal: str | None = None) -> bytes:
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    message = {"role": "assistant", "content": text, "refusal": refusal}
    return json.dumps({"object": "chat.completion", "choices": [{"message": message, "finish_reason": finish_reason}]}).encode()
