"""Access tokens: signed by the provider, for us, now (RFC 9068, RFC 8725)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import jwt

from regen_api.principal import MAX_SUBJECT, Principal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regen_api.auth.keyset import Keyset

MAX_TOKEN_CHARACTERS: Final = 16 * 1024
_SUBJECT = re.compile(rf"[\x21-\x7e]{{1,{MAX_SUBJECT}}}")
_FAMILY: Final[Mapping[str, tuple[str, ...]]] = {"RSA": ("RS", "PS"), "EC": ("ES",), "OKP": ("EdDSA",)}
"""Which algorithms a key of each type is for: a key never chooses another kind of signature (RFC 8725, section 3.1)."""


class TokenRefused(Exception):
    """The token is none that we accept; the message says why, and holds nothing of it."""


class TokenVerifier:
    """Signature by a key of the provider, issuer, audience, expiry and not-before with a little skew.

    Args:
        keys: the provider's.
        issuer: what ``iss`` must be.
        audience: what ``aud`` must be or hold.
        algorithms: those that are accepted, whatever a token or a key says.
        leeway_seconds: by which two clocks may differ.
        role_claim: where roles are; dots lead into objects (``realm_access.roles``).
        admin_role: whoever has it is an admin.
    """

    def __init__(
        self,
        keys: Keyset,
        *,
        issuer: str,
        audience: str,
        algorithms: Sequence[str],
        leeway_seconds: float,
        role_claim: str,
        admin_role: str,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._algorithms = tuple(algorithms)
        self._leeway = leeway_seconds
        self._role_claim = role_claim
        self._admin_role = admin_role

    async def close(self) -> None:
        """Ends what the keys still do in the background."""
        await self._keys.close()

    async def verify(self, token: str) -> Principal:
        """Who bears the token.

        Raises:
            TokenRefused: it is not accepted.
            KeysUnavailable: no key is there to verify it by.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise TokenRefused("expected a shorter token")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError as error:
            raise TokenRefused("expected a signed JSON Web Token") from error
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in self._algorithms:
            raise TokenRefused(f"expected a signature by {' or '.join(self._algorithms)}")
        if key_id is not None and not isinstance(key_id, str):
            raise TokenRefused("expected a key id that is text")
        candidates = [key for key in await self._keys.find(key_id) if _fits(key, algorithm)]
        return self._principal(self._claims(token, algorithm, candidates))

    def _claims(self, token: str, algorithm: str, candidates: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        refusal = TokenRefused("expected a signature by a key of the identity provider")
        for candidate in candidates:
            try:
                return jwt.decode(
                    token,
                    jwt.PyJWK(dict(candidate), algorithm),
                    algorithms=[algorithm],
                    issuer=self._issuer,
                    audience=self._audience,
                    leeway=self._leeway,
                    options={"require": ["exp", "iss", "aud", "sub"]},
                )
            except jwt.InvalidSignatureError:
                continue
            except (jwt.InvalidTokenError, jwt.PyJWKError, jwt.InvalidKeyError) as error:
                refusal = TokenRefused(_reason(error))
        raise refusal

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        subject = claims["sub"]
        if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
            raise TokenRefused(f"expected a subject of 1 to {MAX_SUBJECT} printable ASCII characters")
        roles: Any = claims
        for step in [self._role_claim] if self._role_claim in claims else self._role_claim.split("."):
            roles = roles.get(step) if isinstance(roles, dict) else None
        held = roles.split() if isinstance(roles, str) else roles if isinstance(roles, list) else []
        return Principal(subject, self._admin_role in held)


def _fits(key: Mapping[str, Any], algorithm: str) -> bool:
    return algorithm.startswith(_FAMILY.get(str(key.get("kty")), ("-",))) and key.get("alg", algorithm) == algorithm


def _reason(error: Exception) -> str:
    """PyJWT's refusals in words that say nothing of the token's content."""
    match error:
        case jwt.ExpiredSignatureError():
            return "the token has expired"
        case jwt.ImmatureSignatureError():
            return "the token is not valid yet"
        case jwt.InvalidIssuerError():
            return "expected a token of another issuer"
        case jwt.InvalidAudienceError():
            return "expected a token for another audience"
        case jwt.MissingRequiredClaimError():
            return f"expected the claim {error.claim}"
        case _:
            return "expected a valid JSON Web Token"
