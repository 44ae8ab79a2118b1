"""The executor classes: a YAML file that maps a job's type to its pod's image, resources and limits.

Only this file shapes a pod; no field of a row does (docs/architecture.md#isolation-of-credentials). Keys are camelCase, as in
the chart's values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from regen_core.errors import SettingsInvalid
from regen_core.names import DEFAULT_BUILDER_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$"
TYPE_PATTERN = r"^[a-z]([a-z0-9_]{0,61}[a-z0-9])?$"
EXECUTOR_VARIABLE = r"^EXECUTOR_[A-Z0-9_]{1,100}$"
SOURCE_HOST = r"^(\*\.)?[A-Za-z0-9._:-]+$"
BUILDER_ID = r"^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$"

Quantity = Annotated[str, Field(pattern=QUANTITY)]
Budget = Annotated[int, Field(ge=1, le=86_400)]
VariableName = Annotated[str, Field(pattern=EXECUTOR_VARIABLE)]
JsonObject = dict[str, Any]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=False)


class SecretKey(_Strict):
    """One key of a Secret in the runner namespace."""

    name: str
    key: str = "url"


class SecretValue(_Strict):
    """One key of a Secret in the runner namespace; both names are required."""

    name: Annotated[str, Field(min_length=1)]
    key: Annotated[str, Field(min_length=1)]


class Runner(_Strict):
    """Settings of every pod. Sizes are Kubernetes quantities, budgets are seconds."""

    image: str
    output_url: str
    database_secret: SecretKey
    store_secret: str
    source_secret: str | None = None
    source_prefixes: list[Annotated[str, Field(pattern=r"^s3://[^\s]+$")]] = Field(default_factory=list)
    source_hosts: list[Annotated[str, Field(pattern=SOURCE_HOST)]] = Field(default_factory=list)
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    image_pull_secrets: list[str] = Field(default_factory=list)
    service_account_name: str = "regen-runner"
    signing_key_secret: SecretValue | None = None
    builder_id: Annotated[str, Field(pattern=BUILDER_ID)] = DEFAULT_BUILDER_ID
    prepare_budget_seconds: Budget = 120
    publish_budget_seconds: Budget = 180
    termination_grace_period_seconds: Budget = 30
    ttl_seconds_after_finished: Annotated[int, Field(ge=60)] = 600
    cpu: Quantity = "100m"
    memory: Quantity = "256Mi"
    user: Annotated[int, Field(ge=1)] = 65_532
    host_users: bool | None = None
    priority_class_name: str | None = None
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: list[JsonObject] = Field(default_factory=list)
    topology_spread_constraints: list[JsonObject] = Field(default_factory=list)
    dns_policy: Literal["ClusterFirst", "Default", "None"] | None = None
    dns_config: JsonObject | None = None
    host_aliases: list[JsonObject] = Field(default_factory=list)


class ExecutorClass(_Strict):
    """How jobs of one type run. ``egress: open`` lets the executor open sockets; its outputs are then not reproducible.

    ``env`` and ``secretEnv`` are the executor's own variables, for classes with egress only: the address and credentials of an
    external provider. They are the only way to give an executor a setting or a secret.
    """

    time_limit_seconds: Budget
    image: str | None = None
    cpu: Quantity = "500m"
    cpu_limit: Quantity | None = None
    memory: Quantity = "512Mi"
    ephemeral_storage: Quantity = "4Gi"
    input_size: Quantity = "1Gi"
    output_size: Quantity = "1Gi"
    tmp_size: Quantity = "1Gi"
    max_memory_bytes: Annotated[int, Field(ge=0)] = 0
    max_output_bytes: Annotated[int, Field(ge=1, le=5 << 30)] = 1 << 30
    egress: Literal["none", "open"] = "none"
    subprocesses: bool = False
    sandbox: Literal["require", "best-effort"] = "require"
    runtime_class_name: str | None = None
    priority_class_name: str | None = None
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: list[JsonObject] = Field(default_factory=list)
    env: dict[VariableName, str] = Field(default_factory=dict)
    secret_env: dict[VariableName, SecretValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _variables_are_for_egress(self) -> Self:
        if (self.env or self.secret_env) and self.egress != "open":
            msg = "env and secretEnv need egress: open"
            raise ValueError(msg)
        twice = sorted(self.env.keys() & self.secret_env.keys())
        if twice:
            msg = f"{twice[0]} is in both env and secretEnv"
            raise ValueError(msg)
        for name in (*self.env, *self.secret_env):
            # The runner drops such names, which Kubernetes sets for each service.
            if name.endswith(("_SERVICE_HOST", "_PORT")) or "_PORT_" in name:
                msg = f"{name} is named like a variable that Kubernetes sets for a service"
                raise ValueError(msg)
        return self

    @property
    def reproducible(self) -> bool:
        """Whether the same instruction must produce the same bytes (rule R11)."""
        return self.egress == "none"


class _File(_Strict):
    runner: Runner
    classes: Annotated[dict[Annotated[str, Field(pattern=TYPE_PATTERN)], ExecutorClass], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Classes:
    """The validated file."""

    runner: Runner
    by_type: Mapping[str, ExecutorClass]

    @property
    def types(self) -> list[str]:
        """The types with an executor class, sorted."""
        return sorted(self.by_type)

    def get(self, job_type: str | None) -> ExecutorClass | None:
        """The class of ``job_type``; None for a type that has none."""
        return self.by_type.get(job_type) if job_type is not None else None

    def active_deadline(self, executor_class: ExecutorClass, pending_seconds: int) -> int:
        """``activeDeadlineSeconds`` of a Job: its clock starts before the image is pulled (docs/architecture.md)."""
        return (
            pending_seconds
            + self.runner.prepare_budget_seconds
            + executor_class.time_limit_seconds
            + self.runner.publish_budget_seconds
        )

    def longest_deadline(self, pending_seconds: int) -> int:
        """The longest active deadline, for rows whose class was removed from the file."""
        return max(self.active_deadline(one, pending_seconds) for one in self.by_type.values())

    def require(self, types: Iterable[str], variable: str) -> None:
        """Checks that each type of a setting has an executor class.

        Raises:
            SettingsInvalid: names ``variable`` and the type.
        """
        for job_type in types:
            if job_type not in self.by_type:
                msg = f"{variable}: {job_type!r} has no executor class; the classes file has {', '.join(self.types)}"
                raise SettingsInvalid(msg)


def load_classes(path: Path) -> Classes:
    """Reads the classes from the YAML file at ``path``.

    Raises:
        SettingsInvalid: the file cannot be read, is not YAML, or has an unknown, missing or invalid key, which is named.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsInvalid(f"REGEN_CLASSES_FILE: cannot read {path} as YAML ({error})") from error
    return parse_classes(content)


def parse_classes(content: Any) -> Classes:
    """Validates the parsed YAML.

    Raises:
        SettingsInvalid: names the first invalid key by its dotted path.
    """
    try:
        parsed = _File.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        problem = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        raise SettingsInvalid(f"REGEN_CLASSES_FILE: {where}: {problem}") from error
    return Classes(parsed.runner, parsed.classes)
