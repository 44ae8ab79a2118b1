"""An OpenID provider as far as this API sees one: its metadata and its keys over HTTP, and tokens signed with them."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

AUDIENCE = "regen"

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public(key: Key, **fields: Any) -> dict[str, Any]:
    """The key's public half as a JSON Web Key."""
    match key:
        case rsa.RSAPrivateKey():
            document = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ec.EllipticCurvePrivateKey():
            document = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case _:
            document = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    document.pop("key_ops", None)
    return document | fields


class Provider:
    """A server on a free loopback port. ``keys`` is what it publishes; ``answers`` replaces a path's answer."""

    def __init__(self) -> None:
        self.key = rsa_key()
        self.keys: list[dict[str, Any]] = [public(self.key, kid="first", use="sig", alg="RS256")]
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.seen: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def fetches(self) -> int:
        """How often the keys were asked for."""
        return self.seen.count("/keys")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def token(
        self, *, key: Any = None, kid: str | None = "first", algorithm: str = "RS256", without: str = "", **claims: Any
    ) -> str:
        """A token that is accepted, apart from what the arguments change."""
        now = int(time.time())
        whole = {"iss": self.issuer, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 300} | claims
        whole.pop(without, None)
        return jwt.encode(
            whole, key or self.key, algorithm=algorithm, headers={} if kid is None else {"kid": kid}, sort_headers=True
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.seen.append(self.path)
                documents = {
                    "/.well-known/openid-configuration": {"issuer": provider.issuer, "jwks_uri": provider.issuer + "/keys"},
                    "/keys": {"keys": provider.keys},
                }
                status, body = provider.answers.get(self.path) or (200, json.dumps(documents[self.path]).encode())
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                pass

        return Handler
