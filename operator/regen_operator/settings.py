"""The operator's settings: environment variables with prefix ``REGEN_`` (docs/configuration.md)."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path  # noqa: TC003 - pydantic reads the annotation
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from regen_core.errors import SettingsInvalid
from regen_core.states import Caps
from regen_schema.connection import connection_parameters

PREFIX = "REGEN_"
DNS_LABEL = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"

Namespace = Annotated[str, Field(pattern=DNS_LABEL)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Count = Annotated[int, Field(ge=1, le=100_000)]


def _identity() -> str:
    """The pod's name or the host name, with random digits that distinguish two processes on one host."""
    return f"{os.environ.get('POD_NAME') or socket.gethostname()}_{secrets.token_hex(4)}"


class Settings(BaseSettings):
    """The settings; durations are in seconds. An invalid one stops the program at its start."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: Annotated[str, Field(pattern=r"^(postgres(ql)?://|[a-z_]+=)")]
    database_listen_url: str | None = None
    database_pool_size: Annotated[int, Field(ge=2, le=50)] = 4
    database_timeout_seconds: Seconds = 10.0

    namespace: Namespace = "regen"
    runner_namespace: Namespace = "regen-runs"
    cr_namespaces: tuple[Namespace, ...] = ()
    cluster_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,63}$")] = "default"
    classes_file: Path
    api_timeout_seconds: Seconds = 10.0
    api_concurrency: Annotated[int, Field(ge=1, le=200)] = 16

    claim_batch: Annotated[int, Field(ge=1, le=1000)] = 20
    cap_total: Annotated[int, Field(ge=0, le=100_000)] = 20
    cap_types: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    cap_requester: Annotated[int, Field(ge=0)] | None = None
    poll_seconds: Annotated[float, Field(ge=0.05, le=60)] = 1.0

    pending_deadline_seconds: Annotated[int, Field(ge=5, le=86_400)] = 300
    grace_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    sweep_seconds: Seconds = 10.0
    resync_seconds: Seconds = 60.0

    mirror_window: Annotated[int, Field(ge=0, le=10_000)] = 100
    mirror_delay_seconds: Annotated[float, Field(ge=0.01, le=10)] = 0.25
    running_status_delay_seconds: Annotated[float, Field(ge=0, le=60)] = 2.0
    starting_status_delay_seconds: Annotated[float, Field(ge=0, le=300)] = 8.0
    waiting_status_delay_seconds: Annotated[float, Field(ge=0, le=600)] = 5.0
    cr_ttl_seconds: Annotated[int, Field(ge=1)] = 3600
    cr_keep: Annotated[int, Field(ge=0, le=10_000)] = 200

    lease_name: Annotated[str, Field(pattern=DNS_LABEL)] = "regen-operator"
    lease_seconds: Annotated[int, Field(ge=3, le=300)] = 15
    identity: Annotated[str, Field(min_length=1, max_length=128)] = Field(default_factory=_identity)

    health_host: str = "0.0.0.0"  # noqa: S104 - the kubelet probes the pod's address
    health_port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    health_max_age_seconds: Seconds = 60.0
    metrics_seconds: Annotated[float, Field(ge=0.1, le=300)] = 15.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _namespaces_differ(self) -> Settings:
        if self.runner_namespace == self.namespace or self.runner_namespace in self.cr_namespaces:
            msg = "REGEN_RUNNER_NAMESPACE must differ from REGEN_NAMESPACE and REGEN_CR_NAMESPACES"
            raise ValueError(msg)
        return self

    @property
    def caps(self) -> Caps:
        """The caps of the claim."""
        return Caps(total=self.cap_total, per_type=self.cap_types, per_requester=self.cap_requester)

    @property
    def listen_url(self) -> str:
        """The connection string for LISTEN, which must not go through a transaction pooler."""
        return self.database_listen_url or self.database_url

    @property
    def mirrored_namespaces(self) -> tuple[str, ...]:
        """The namespaces whose custom resources are read: the operator's own, then those of user-created resources."""
        return tuple(dict.fromkeys((self.namespace, *self.cr_namespaces)))

    @property
    def ingest_namespaces(self) -> frozenset[str]:
        """The namespaces whose user-created resources become jobs; by default the operator's own."""
        return frozenset(self.cr_namespaces or (self.namespace,))

    @property
    def watched_namespaces(self) -> tuple[str, ...]:
        """The namespaces that kopf watches."""
        return (*self.mirrored_namespaces, self.runner_namespace)


def load_settings() -> Settings:
    """Reads the settings from the environment.

    Raises:
        SettingsInvalid: names the first invalid variable and the problem, but not the value, which may be secret.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if not first["loc"]:
            raise SettingsInvalid(first["msg"].removeprefix("Value error, ")) from None
        name = PREFIX + str(first["loc"][0]).upper()
        inside = "".join(f"[{part!r}]" for part in first["loc"][1:])
        problem = "required, but not set" if first["type"] == "missing" else first["msg"]
        raise SettingsInvalid(f"{name}{inside}: {problem}") from None
    except SettingsError as error:
        field = next((name for name in Settings.model_fields if f'"{name}"' in str(error)), "?")
        raise SettingsInvalid(f"{PREFIX}{field.upper()}: not valid JSON") from None
    connection_parameters("REGEN_DATABASE_URL", settings.database_url)
    if settings.database_listen_url is not None:
        connection_parameters("REGEN_DATABASE_LISTEN_URL", settings.database_listen_url)
    return settings
