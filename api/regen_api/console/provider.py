"""Signing in at the OpenID provider: the authorization code flow with PKCE.

Sources: OpenID Connect Core 1.0, section 3.1; RFC 7636 (PKCE, S256); RFC 9207 (``iss`` in the answer); RFC 6749, section 2.3.1
(the client's own authentication). The ID token says who came back; what they may do is what their access token says, as for
the API itself.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote, urlencode, urlsplit

import httpx
import jwt
import structlog

from regen_api.auth.keyset import Keyset, KeysUnavailable
from regen_api.auth.tokens import TokenRefused, TokenVerifier
from regen_api.problems import Problem
from regen_core.errors import RegenError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regen_api.console.session import Attempt
    from regen_api.principal import Principal
    from regen_api.settings import Settings

CALLBACK: Final = "/admin/login/callback"
MAX_DOCUMENT_BYTES: Final = 512 * 1024
NOT_BEGUN_HERE: Final = "this sign-in was not begun in this browser, or too long ago; try again"

log = structlog.get_logger("regen.api.console")


class SignInFailed(RegenError):
    """Nobody was signed in; the message is for whoever tried, and holds nothing of a token."""


class Tokens(Protocol):
    """What tells whose an access token is."""

    async def principal(self, token: str) -> Principal:
        """Whoever bears it; a ``Problem`` where it is not accepted."""
        ...


class Provider:
    """The identity provider, from a client's side.

    Args:
        settings: with a client id.
        tokens: verifies access tokens, as for the API.
    """

    def __init__(self, settings: Settings, tokens: Tokens) -> None:
        assert settings.oidc_issuer is not None
        assert settings.console_client_id is not None
        self._settings = settings
        self._tokens = tokens
        self._client_id = settings.console_client_id
        self._issuer = settings.oidc_issuer
        self._http = httpx.AsyncClient(timeout=settings.oidc_timeout_seconds, follow_redirects=False, trust_env=False)
        keys = Keyset(
            self._http,
            discovery_url=settings.discovery_url,
            issuer=self._issuer,
            keep_seconds=settings.oidc_keys_seconds,
            pause_seconds=settings.oidc_keys_pause_seconds,
        )
        self._id_tokens = TokenVerifier(
            keys,
            issuer=self._issuer,
            audience=self._client_id,
            algorithms=settings.oidc_algorithms,
            leeway_seconds=settings.oidc_leeway_seconds,
            role_claim=settings.role_claim,
            admin_role=settings.admin_role,
        )
        self._metadata: Mapping[str, Any] | None = None
        self._metadata_until = 0.0

    async def close(self) -> None:
        """Closes the connections to the provider."""
        await self._id_tokens.close()
        await self._http.aclose()

    async def address(self, attempt: Attempt, redirect_uri: str) -> str:
        """Where the browser goes to sign in.

        Raises:
            SignInFailed: the provider's metadata cannot be had.
        """
        endpoint = await self._endpoint("authorization_endpoint")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).decode().rstrip("=")
        query = self._settings.console_login_parameters | {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self._settings.console_scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"

    async def finish(self, attempt: Attempt, answer: Mapping[str, str], redirect_uri: str) -> Principal:
        """Who came back with ``answer``, the query of the callback.

        Raises:
            SignInFailed: for whatever reason nobody is signed in.
        """
        if not hmac.compare_digest(answer.get("state", "").encode(), attempt.state.encode()):
            raise SignInFailed(NOT_BEGUN_HERE)
        if answer.get("iss", self._issuer) != self._issuer:
            raise SignInFailed("the answer came from another identity provider")
        if "error" in answer:
            log.warning("the provider refused a sign-in", error=answer["error"][:200])
            raise SignInFailed("the identity provider refused the sign-in")
        if not answer.get("code"):
            raise SignInFailed("the identity provider sent no code")
        tokens = await self._redeem(answer["code"], attempt.verifier, redirect_uri)
        identity, nonce = await self._identity(str(tokens.get("id_token", "")))
        if not hmac.compare_digest(nonce.encode(), attempt.nonce.encode()):
            raise SignInFailed("the identity provider answered another sign-in than this one")
        try:
            principal = await self._tokens.principal(str(tokens.get("access_token", "")))
        except Problem as error:
            log.warning("a sign-in without an access token for us", reason=error.detail)
            raise SignInFailed("the identity provider's access token is not one for this API") from error
        if principal.subject != identity.subject:
            raise SignInFailed("the identity provider's two tokens are of different people")
        return principal

    async def _identity(self, token: str) -> tuple[Principal, str]:
        """Whose ID token it is, and its nonce."""
        try:
            identity = await self._id_tokens.verify(token)
        except TokenRefused as error:
            log.warning("an ID token was refused", reason=str(error))
            raise SignInFailed("the identity provider's ID token is not valid") from error
        except KeysUnavailable as error:
            raise SignInFailed("the identity provider does not answer; try again") from error
        claims = jwt.decode(token, options={"verify_signature": False})  # verified above
        return identity, str(claims.get("nonce", ""))

    async def _redeem(self, code: str, verifier: str, redirect_uri: str) -> Mapping[str, Any]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
        secret = self._settings.console_client_secret
        authentication = None
        if secret is None:
            form["client_id"] = self._client_id
        else:
            authentication = httpx.BasicAuth(quote(self._client_id, safe=""), quote(secret.get_secret_value(), safe=""))
        endpoint = await self._endpoint("token_endpoint")
        request = self._http.build_request("POST", endpoint, data=form, headers={"Accept": "application/json"})
        return await self._document(request, authentication)

    async def _endpoint(self, name: str) -> str:
        endpoint = (await self._discovered()).get(name)
        schemes = {"https"} if self._settings.env == "production" else {"https", "http"}
        if not isinstance(endpoint, str) or urlsplit(endpoint).scheme not in schemes:
            log.error("the provider's metadata lacks an endpoint", endpoint=name)
            raise SignInFailed("the identity provider is not set up for signing in")
        return endpoint

    async def _discovered(self) -> Mapping[str, Any]:
        if self._metadata is None or time.monotonic() >= self._metadata_until:
            document = await self._document(self._http.build_request("GET", self._settings.discovery_url), None)
            if document.get("issuer") != self._issuer:
                log.error("the metadata is another issuer's", expected=self._issuer)
                raise SignInFailed("the identity provider is not set up for signing in")
            self._metadata = document
            self._metadata_until = time.monotonic() + self._settings.oidc_keys_seconds
        return self._metadata

    async def _document(self, request: httpx.Request, authentication: httpx.Auth | None) -> Mapping[str, Any]:
        """The JSON object that answers ``request``."""
        try:
            response = await self._http.send(request, auth=authentication, stream=True)
            try:
                response.raise_for_status()
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_DOCUMENT_BYTES:
                        break
            finally:
                await response.aclose()
            document = json.loads(body) if len(body) <= MAX_DOCUMENT_BYTES else None
        except httpx.HTTPStatusError as error:
            log.warning("the provider refused", url=str(request.url.copy_with(query=None)), status=error.response.status_code)
            raise SignInFailed("the identity provider refused the sign-in; try again") from error
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            log.warning("the provider does not answer", url=str(request.url.copy_with(query=None)), error=type(error).__name__)
            raise SignInFailed("the identity provider does not answer; try again") from error
        if not isinstance(document, dict):
            raise SignInFailed("the identity provider does not answer as it should; try again")
        return document
