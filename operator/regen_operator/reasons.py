"""Every reason that a user can meet: in ``status.reason``, conditions, Events, ``errorJson`` and metrics.

docs/reasons.md is generated from this module (``make reference``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

from regen_core.errors import Classification

if TYPE_CHECKING:
    from collections.abc import Mapping


class Reason(StrEnum):
    """A reason with its description for users: what is the case, then what to do."""

    description: str

    def __new__(cls, value: str, description: str) -> Self:
        """Creates the member ``value``."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member


class PendingReason(Reason):
    """Why a PENDING job waits: ``status.reason``, and the label ``reason`` of the queue metrics."""

    QUEUED = "Queued", "A slot is free; the operator claims the job next, in the order of the queue."
    CAP_TYPE = "CapType", "As many jobs of this type run as `REGEN_CAP_TYPES` allows."
    CAP_REQUESTER = "CapRequester", "As many jobs of this requester run as `REGEN_CAP_REQUESTER` allows."
    CAP_TOTAL = "CapTotal", "As many jobs run as `REGEN_CAP_TOTAL` allows."
    UNSCHEDULABLE = (
        "Unschedulable",
        (
            "Pods of this type cannot start: one finds no node, one is refused by a quota, or the last starts failed for the"
            " same reason. Jobs of this type wait until starts work again. The message quotes the reason."
        ),
    )


class StartReason(Reason):
    """Why a RUNNING job's pod has not started: ``status.reason`` and the condition ``Launched``."""

    LAUNCHING = "Launching", "The job is claimed and its Job is being created."
    STARTING = "Starting", "The pod is being created or is starting."
    IMAGE_PULL = "ImagePull", "The node cannot pull the image. Check the image's name, the registry and the pull secret."
    UNSCHEDULABLE = (
        "Unschedulable",
        "The scheduler finds no node for the pod. Add nodes or lower the class's requests.",
    )
    POD_REFUSED = (
        "PodRefused",
        (
            "The API server does not accept the pod: a quota is full, or a LimitRange or an admission webhook refuses it. The"
            " message quotes the refusal."
        ),
    )


class RefusalReason(Reason):
    """Why a user-created resource is refused: the reason of its condition ``Refused``."""

    NAME_RESERVED = "NameReserved", "Only the operator creates names that begin with `regen-`. Use another name."
    NAMESPACE_NOT_SERVED = (
        "NamespaceNotServed",
        "The operator takes no jobs from this namespace. Use one of `REGEN_CR_NAMESPACES`.",
    )
    INVALID = "Invalid", "The instruction is missing, too large, or contradicts `type` or `instructionDigest`."
    INSTRUCTION_DIFFERS = (
        "InstructionDiffers",
        "A job was created from this namespace and name before, with another instruction. Use another name.",
    )
    ROW_LOST = (
        "RowLost",
        (
            "The database does not have the job that the resource shows: it was restored from a backup or replaced. Delete the"
            " resource and create it again."
        ),
    )


class ConditionReason(Reason):
    """Reasons of conditions that are no other reason of this page.

    ``Claimed``, ``Launched`` and ``Succeeded`` show a job's progress. ``Reconciling`` and ``Stalled`` are for kstatus, by which
    Flux and kpt tell resources in progress, ready and failed.
    """

    IN_PROGRESS = "InProgress", "The job is PENDING or RUNNING."
    FAILED = "Failed", "The job failed."

    CLAIMED = "Claimed", "The operator has claimed the job."
    STARTED = "Started", "The pod has taken the fence; nothing else can run the job."
    NEVER_STARTED = "NeverStarted", "The job failed before a pod took the fence."
    COMPLETED = "Completed", "The job completed."
    REFUSED = "Refused", "The resource is not a job; the condition `Refused` says why."


class EventReason(Reason):
    """Reasons of the Events that the operator writes."""

    FAILED = "Failed", "The job failed; the message has its classification and its error."
    REFUSED = "Refused", "The resource was refused; the message says why."


class FailureCause(Reason):
    """A failed job's ``errorJson.detail.reason``, and the label ``cause`` of ``regen_job_failure_causes_total``."""

    STORE_UNSAFE = "StoreUnsafe", "The store ignores conditional puts. Use a store that supports `If-None-Match`."
    STORE_DENIED = "StoreDenied", "The store refused the runner's credentials or the operation."
    STORE_UNAVAILABLE = "StoreUnavailable", "The store was unreachable or returned 5xx."
    SANDBOX_INCOMPLETE = "SandboxIncomplete", "The node lacks a kernel feature that the class's sandbox requires."
    IMAGE_PULL = "ImagePull", "The image could not be pulled before the pending deadline."
    UNSCHEDULABLE = "Unschedulable", "The pod found no node before the pending deadline."
    POD_REFUSED = "PodRefused", "The API server did not accept the pod."
    STARTING = "Starting", "The pod did not start before the pending deadline."


CLASSIFICATIONS: Final[Mapping[Classification, str]] = {
    Classification.VALIDATION: "The instruction is invalid. Correct what the message names and create a new job.",
    Classification.CAPPED: "A limit of the executor was exceeded. Ask for less.",
    Classification.EXECUTOR: "The executor failed. Read its log.",
    Classification.TIMEOUT: "The job ran longer than its class's time limit.",
    Classification.RESOURCES: "The executor exceeded the memory or storage of its class.",
    Classification.OUTPUT: "The outputs are not acceptable, or other bytes are stored under their names.",
    Classification.LOST: "The pod disappeared, could not start in time, or could not reach the database or the store. Retry.",
    Classification.CANCELLED: "A user stopped the job.",
    Classification.INTERNAL: "The installation is misconfigured, or regen has a defect. The message says what to correct.",
}
"""``status.reason`` of a FAILED job is its classification."""


@dataclass(frozen=True, slots=True)
class WaitReason:
    """Why a job waits.

    Attributes:
        reason: a ``PendingReason``, a ``StartReason``, or the kubelet's reason of a waiting container.
        message: one sentence for people.
    """

    reason: str
    message: str
