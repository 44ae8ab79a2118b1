"""An OpenID provider whose users sign in without a word: what it is asked, and what it answers, is up to the test."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt

from tests.integration.api.identity import Provider

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler


class LoginProvider(Provider):
    """Adds the authorization and the token endpoint (RFC 6749, RFC 7636).

    ``subject`` signs in. ``id_claims``, ``access_claims`` and ``callback`` change what is in the two tokens and in the
    answer to the browser; ``asked`` is what browsers brought.
    """

    client_id = "regen console"
    client_secret = "s:e/c"

    def __init__(self) -> None:
        self.subject = "ada"
        self.roles: list[str] = ["regen-admin"]
        self.id_claims: dict[str, Any] = {}
        self.access_claims: dict[str, Any] = {}
        self.callback: dict[str, str] = {}
        self.asked: list[dict[str, str]] = []
        self.token_status = 200
        self._codes: dict[str, dict[str, str]] = {}
        super().__init__()

    def _authorize(self, query: dict[str, str]) -> str:
        self.asked.append(query)
        code = secrets.token_urlsafe(12)
        self._codes[code] = query
        answer = {"code": code, "state": query["state"], "iss": self.issuer} | self.callback
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def _redeem(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        is_right = (
            asked is not None
            and form["grant_type"] == "authorization_code"
            and form["redirect_uri"] == asked["redirect_uri"]
            and asked["code_challenge_method"] == "S256"
            and base64.urlsafe_b64encode(challenge).decode().rstrip("=") == asked["code_challenge"]
            and given == "regen%20console:s%3Ae%2Fc"
        )
        if not is_right or self.token_status != 200:
            return max(400, self.token_status), {"error": "invalid_grant"}
        assert asked is not None
        now = int(time.time())
        identity = {"iss": self.issuer, "aud": self.client_id, "sub": self.subject, "iat": now, "exp": now + 300}
        id_token = jwt.encode(
            identity | {"nonce": asked["nonce"]} | self.id_claims, self.key, algorithm="RS256", headers={"kid": "first"}
        )
        access = self.token(**({"sub": self.subject, "roles": self.roles} | self.access_claims))
        return 200, {"token_type": "Bearer", "expires_in": 300, "id_token": id_token, "access_token": access}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(super()._handler()):  # type: ignore[misc] # a class of the parent's own making
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path == "/authorize":
                    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                    self.send_response(302)
                    self.send_header("Location", provider._authorize(query))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                elif parts.path == "/.well-known/openid-configuration" and parts.path not in provider.answers:
                    issuer = provider.issuer
                    self._json(
                        200,
                        {
                            "issuer": issuer,
                            "jwks_uri": f"{issuer}/keys",
                            "authorization_endpoint": f"{issuer}/authorize",
                            "token_endpoint": f"{issuer}/token",
                        },
                    )
                else:
                    super().do_GET()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                self._json(*provider._redeem(form, self.headers.get("Authorization", "")))

            def _json(self, status: int, document: dict[str, Any]) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler
