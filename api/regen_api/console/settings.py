"""The console's settings, part of the control plane's (docs/configuration-api.md explains each)."""

from __future__ import annotations

from typing import Annotated, Protocol
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Cap = Annotated[int, Field(ge=0)]


class ConsoleSettings(BaseSettings):
    """What only the console reads. ``namespace`` and the rest down to ``cap_requester`` are the operator's, to be shown."""

    console_url: str | None = None
    console_secret: Annotated[SecretStr, Field(min_length=32)] | None = None
    console_session_seconds: Annotated[int, Field(ge=60, le=86_400)] = 28_800
    console_client_id: Annotated[str, Field(min_length=1)] | None = None
    console_client_secret: Annotated[SecretStr, Field(min_length=1)] | None = None
    console_scopes: tuple[Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$")], ...] = ("openid",)
    console_login_parameters: dict[str, str] = Field(default_factory=dict)
    console_poll_seconds: Annotated[float, Field(ge=0.1, le=60)] = 2.0

    namespace: Namespace = "regen"
    runner_namespace: Namespace = "regen-runs"
    cap_total: Cap | None = None
    cap_types: dict[str, Cap] = Field(default_factory=dict)
    cap_requester: Cap | None = None

    @field_validator("console_url")
    @classmethod
    def _is_an_origin(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in {"http", "https"} or f"{parts.scheme}://{parts.netloc}" != value:
                msg = "expected an origin such as https://regen.example, without a path"
                raise ValueError(msg)
        return value

    @field_validator("console_scopes")
    @classmethod
    def _ask_who_it_is(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in values:
            msg = "expected the scope openid among them"
            raise ValueError(msg)
        return values


class _Whole(Protocol):
    """What decides about the console, among all settings."""

    @property
    def env(self) -> str: ...
    @property
    def oidc_issuer(self) -> str | None: ...
    @property
    def console_url(self) -> str | None: ...
    @property
    def console_secret(self) -> SecretStr | None: ...
    @property
    def console_client_id(self) -> str | None: ...


def is_served(settings: _Whole) -> bool:
    """Whether there is a console: not in production without a secret that all replicas share."""
    return settings.console_secret is not None or settings.env == "development"


def contradiction(settings: _Whole) -> str | None:
    """What does not fit together, in words that name the variable."""
    if settings.console_client_id is not None and settings.oidc_issuer is None:
        return "REGEN_CONSOLE_CLIENT_ID: expected REGEN_OIDC_ISSUER beside it"
    if settings.env == "production" and settings.console_secret is not None:
        if settings.console_url is None:
            return "REGEN_CONSOLE_URL: expected the console's public origin while REGEN_ENV is production, got none"
        if urlsplit(settings.console_url).scheme != "https":
            return "REGEN_CONSOLE_URL: expected an https URL while REGEN_ENV is production"
    return None
