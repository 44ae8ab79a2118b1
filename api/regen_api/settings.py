"""The control plane's settings: environment variables with prefix ``REGEN_`` (docs/configuration-api.md explains each)."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict, SettingsError

from regen_api.console.settings import ConsoleSettings, contradiction
from regen_core.errors import SettingsInvalid
from regen_schema.connection import connection_parameters

PREFIX = "REGEN_"

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Priority = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures by a public key only: whoever can verify must not be able to sign."""


class Settings(ConsoleSettings):
    """Every setting with its unit. Wrong ones stop the program at its start."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    env: Literal["production", "development"] = "production"
    database_url: Annotated[str, Field(pattern=r"^(postgres(ql)?://|[a-z_]+=)")]
    database_pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    database_timeout_seconds: Seconds = 5.0
    output_url: Annotated[str, Field(pattern=r"^(s3://[^/]+|file:///)")]
    store_timeout_seconds: Seconds = 10.0

    oidc_issuer: str | None = None
    oidc_audience: Annotated[str, Field(min_length=1)] | None = None
    oidc_discovery_url: str | None = None
    oidc_algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256", "ES256")
    oidc_leeway_seconds: Annotated[float, Field(ge=0, le=300)] = 30.0
    oidc_timeout_seconds: Seconds = 5.0
    oidc_keys_seconds: Seconds = 300.0
    oidc_keys_pause_seconds: Seconds = 10.0
    role_claim: Annotated[str, Field(min_length=1)] = "roles"
    admin_role: Annotated[str, Field(min_length=1)] = "regen-admin"
    static_key: Annotated[SecretStr, Field(min_length=16)] | None = None
    static_key_subject: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,255}$")] = "developer"

    tier_priorities: dict[str, Priority] = Field(default_factory=lambda: {"free": 0, "starter": 10, "pro": 20})
    priority_topics: tuple[Annotated[str, Field(min_length=1)], ...] = ("interview prep",)
    priority_topic_bonus: Priority = 5

    http_host: str = "0.0.0.0"  # noqa: S104 - a Service reaches the pod's address
    http_port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    max_body_bytes: Annotated[int, Field(ge=1024, le=16 * 1024 * 1024)] = 1024 * 1024
    rate_limit_per_minute: Annotated[int, Field(ge=0, le=1_000_000)] = 600
    cors_origins: tuple[str, ...] = ()
    shutdown_seconds: Annotated[int, Field(ge=1, le=3600)] = 25
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("oidc_issuer", "oidc_discovery_url")
    @classmethod
    def _is_a_web_address(cls, value: str | None) -> str | None:
        if value is not None and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname):
            msg = "expected an https URL"
            raise ValueError(msg)
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            parts = urlsplit(value)
            if parts.scheme not in {"http", "https"} or f"{parts.scheme}://{parts.netloc}" != value:
                msg = "expected origins such as https://app.example, without a path and no wildcard"
                raise ValueError(msg)
        return values

    @model_validator(mode="after")
    def _someone_can_sign_in(self) -> Self:
        if self.static_key is not None and self.env == "production":
            msg = "REGEN_STATIC_KEY: expected none while REGEN_ENV is production; it is for development"
            raise ValueError(msg)
        if self.oidc_issuer is None and self.static_key is None:
            msg = "REGEN_OIDC_ISSUER: expected the issuer of the access tokens, got none"
            raise ValueError(msg)
        if self.oidc_issuer is not None and self.oidc_audience is None:
            msg = "REGEN_OIDC_AUDIENCE: expected the audience that access tokens for this API have, got none"
            raise ValueError(msg)
        if self.env == "production":
            for name, value in (("ISSUER", self.oidc_issuer), ("DISCOVERY_URL", self.oidc_discovery_url)):
                if value is not None and urlsplit(value).scheme != "https":
                    msg = f"REGEN_OIDC_{name}: expected an https URL while REGEN_ENV is production"
                    raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _the_console_fits(self) -> Self:
        if reason := contradiction(self):
            raise ValueError(reason)
        return self

    @property
    def discovery_url(self) -> str:
        """Where the issuer's metadata is (OpenID Connect Discovery 1.0, section 4)."""
        return self.oidc_discovery_url or f"{(self.oidc_issuer or '').rstrip('/')}/.well-known/openid-configuration"


def load_settings() -> Settings:
    """The settings in the environment.

    Raises:
        SettingsInvalid: names the first wrong variable and what was expected; the value, which may be secret, is not shown.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:
            raise SettingsInvalid(message) from None
        name = PREFIX + str(first["loc"][0]).upper()
        inside = "".join(f"[{part!r}]" for part in first["loc"][1:])
        problem = "expected a value, got none" if first["type"] == "missing" else message
        raise SettingsInvalid(f"{name}{inside}: {problem}") from None
    except SettingsError as error:
        field = next((name for name in Settings.model_fields if f'"{name}"' in str(error)), "?")
        raise SettingsInvalid(f"{PREFIX}{field.upper()}: expected JSON") from None
    connection_parameters("REGEN_DATABASE_URL", settings.database_url)
    return settings
