"""From a request to a ``Principal``."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Annotated, Final

import httpx
import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from regen_api.auth.keyset import Keyset, KeysUnavailable
from regen_api.auth.tokens import TokenRefused, TokenVerifier
from regen_api.principal import Principal
from regen_api.problems import NO_TOKEN, forbidden, unauthenticated, unavailable

if TYPE_CHECKING:
    from regen_api.settings import Settings

STATIC_KEY_WARNING: Final = (
    "DEVELOPMENT MODE: whoever knows REGEN_STATIC_KEY is an admin; never expose this process, and set REGEN_ENV=production "
    "and REGEN_OIDC_ISSUER where it matters"
)

log = structlog.get_logger("regen.api")
_bearer = HTTPBearer(
    auto_error=False, scheme_name="accessToken", bearerFormat="JWT", description="An access token of the OpenID provider."
)


class Authenticator:
    """Tries the static key where development has one, then the provider's tokens where there is a provider."""

    def __init__(self, settings: Settings) -> None:
        self._key = None if settings.static_key is None else settings.static_key.get_secret_value().encode()
        self._subject = settings.static_key_subject
        self._client = httpx.AsyncClient(
            timeout=settings.oidc_timeout_seconds,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=2),
        )
        self._tokens = None if settings.oidc_issuer is None else _verifier(settings, self._client)
        if self._key is not None:
            log.warning(STATIC_KEY_WARNING, subject=self._subject)

    async def close(self) -> None:
        """Closes the connections to the provider."""
        if self._tokens is not None:
            await self._tokens.close()
        await self._client.aclose()

    async def principal(self, token: str) -> Principal:
        """Whoever bears ``token``.

        Raises:
            Problem: 401 for a token that is not accepted, 503 where that cannot be told.
        """
        if self._key is not None and hmac.compare_digest(token.encode(), self._key):
            return Principal(self._subject, is_admin=True)
        if self._tokens is None:
            raise unauthenticated("the key is not the one of this process")
        try:
            return await self._tokens.verify(token)
        except TokenRefused as error:
            raise unauthenticated(str(error)) from error
        except KeysUnavailable as error:
            raise unavailable(error.message) from error


def _verifier(settings: Settings, client: httpx.AsyncClient) -> TokenVerifier:
    assert settings.oidc_issuer is not None
    assert settings.oidc_audience is not None
    keys = Keyset(
        client,
        discovery_url=settings.discovery_url,
        issuer=settings.oidc_issuer,
        keep_seconds=settings.oidc_keys_seconds,
        pause_seconds=settings.oidc_keys_pause_seconds,
    )
    return TokenVerifier(
        keys,
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        algorithms=settings.oidc_algorithms,
        leeway_seconds=settings.oidc_leeway_seconds,
        role_claim=settings.role_claim,
        admin_role=settings.admin_role,
    )


async def current_principal(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    """The caller, within its rate."""
    if credentials is None:
        raise unauthenticated(NO_TOKEN)
    parts = request.app.state.parts
    principal: Principal = await parts.authenticator.principal(credentials.credentials)
    request.scope["regen.subject"] = principal.subject
    await parts.rates.spend(principal.subject)
    return principal


async def current_admin(principal: Annotated[Principal, Depends(current_principal)]) -> Principal:
    """The caller, who must be an admin."""
    if not principal.is_admin:
        raise forbidden("this needs the admins' role")
    return principal


Caller = Annotated[Principal, Depends(current_principal)]
Admin = Annotated[Principal, Depends(current_admin)]
