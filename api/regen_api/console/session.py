"""Who looks at the console: a signed cookie that scripts cannot read, and the token that every form carries.

The server keeps no sessions: the cookie holds who it is and until when. What is not signed by us, or is too old, is nobody.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from itsdangerous import BadData, URLSafeSerializer

from regen_api.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

LOGIN_SECONDS: Final = 600
"""How long somebody may take to sign in."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in. ``expires_at`` is in seconds since 1970."""

    subject: str
    is_admin: bool
    csrf: str
    expires_at: int

    @classmethod
    def begin(cls, principal: Principal, expires_at: int) -> Session:
        """A session with a CSRF token of its own."""
        return cls(principal.subject, principal.is_admin, secrets.token_urlsafe(24), expires_at)

    @property
    def principal(self) -> Principal:
        """The caller, as the API's routes know it."""
        return Principal(self.subject, self.is_admin)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody who is about to sign in, in this browser.

    ``state``, ``nonce`` and ``verifier`` are those of OpenID Connect and of PKCE (RFC 7636); ``target`` is where to go then.
    """

    csrf: str
    state: str
    nonce: str
    verifier: str
    target: str
    expires_at: int

    @classmethod
    def begin(cls, target: str) -> Attempt:
        """An attempt that nobody can guess."""
        csrf, state, nonce = (secrets.token_urlsafe(24) for _ in range(3))
        return cls(csrf, state, nonce, secrets.token_urlsafe(48), target, int(time.time()) + LOGIN_SECONDS)


Content = TypeVar("Content", Session, Attempt)


class Cookie(Generic[Content]):
    """One signed cookie, for the whole browser session or until its content expires.

    Args:
        name: without its prefix.
        kind: what it holds.
        secret: signs it; together with ``name``, so that no cookie passes for another.
        secure: whether it is sent over TLS only, and its name says so (``__Host-``).
        clock: seconds since 1970.
    """

    def __init__(
        self, name: str, kind: type[Content], secret: str, *, secure: bool, clock: Callable[[], float] = time.time
    ) -> None:
        self.name = f"__Host-{name}" if secure else name
        self._kind: type[Content] = kind
        self._secure = secure
        self._clock = clock
        self._serializer = URLSafeSerializer(secret, salt=name, signer_kwargs={"digest_method": hashlib.sha256})

    def read(self, request: Request) -> Content | None:
        """What the browser sent, if we signed it and it has not expired."""
        try:
            content = self._kind(**self._serializer.loads(request.cookies.get(self.name, "")))
        except (BadData, TypeError):
            return None
        return content if content.expires_at > self._clock() else None

    def write(self, response: Response, content: Content) -> None:
        """Hands it to the browser. Lax: the identity provider's redirect back has to carry it."""
        fields: dict[str, Any] = asdict(content)
        response.set_cookie(
            self.name,
            self._serializer.dumps(fields),
            max_age=max(0, int(content.expires_at - self._clock())),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def clear(self, response: Response) -> None:
        """Takes it back."""
        response.delete_cookie(self.name, path="/", secure=self._secure, httponly=True, samesite="lax")


def is_same(given: str, expected: str) -> bool:
    """Whether a form's token is the right one."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
