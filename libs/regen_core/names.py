"""Names that two or more programs use (docs/contract.md)."""

from __future__ import annotations

import hashlib
import re
from typing import Final

GROUP: Final = "regeneration.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "RegenerationJob"
PLURAL: Final = "regenerationjobs"

LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "regen-operator"
LABEL_JOB_ID: Final = f"{GROUP}/job-id"
LABEL_TYPE: Final = f"{GROUP}/type"
ANNOTATION_JOB_ID: Final = f"{GROUP}/job-id"
ANNOTATION_SPEC_HASH: Final = f"{GROUP}/spec-hash"

NAME_PREFIX: Final = "regen-"
CHANNEL: Final = "regeneration_job"
ENTRY_POINT_GROUP: Final = "regen.executors"

CONTAINER_PREPARE: Final = "prepare"
CONTAINER_EXECUTE: Final = "execute"
CONTAINER_PUBLISH: Final = "publish"

EXIT_FENCED: Final = 64
"""Exit status of a pod whose job's fence is already taken."""

MANIFEST_NAME: Final = "manifest.json"
PROVENANCE_NAME: Final = "provenance.intoto.jsonl"
"""Named as the in-toto Attestation Framework requires ("Bundle layer specification")."""
DEFAULT_BUILDER_ID: Final = "https://regeneration.dev/provenance/builder/v1"
"""Default builder id in the provenance."""
LOG_NAME: Final = "executor.log"
"""The executor's standard output and error, beside its outputs; not an output itself."""
RESERVED_NAMES: Final = frozenset({MANIFEST_NAME, PROVENANCE_NAME, LOG_NAME})
"""Files that publish itself writes to a job's folder. No artifact can have these names."""

_TYPE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_DNS_LABEL_TAIL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_ARTIFACT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DNS_LABEL_MAX = 63


def is_type(text: str) -> bool:
    """Return whether ``text`` is a valid type: ``^[a-z][a-z0-9_]{0,62}$``."""
    return _TYPE.fullmatch(text) is not None


def is_artifact_name(text: str) -> bool:
    """Return whether ``text`` is a valid artifact name: at most 128 safe characters, not reserved."""
    return _ARTIFACT.fullmatch(text) is not None and text not in RESERVED_NAMES


def job_name(job_id: str) -> str:
    """Return the name of a job's Job and custom resource.

    ``regen-<id>`` if that is a DNS label, else ``regen-`` and the first 40 hex digits of the id's SHA-256
    (docs/contract.md#kubernetes).
    """
    if len(NAME_PREFIX) + len(job_id) <= _DNS_LABEL_MAX and _DNS_LABEL_TAIL.fullmatch(job_id):
        return NAME_PREFIX + job_id
    return NAME_PREFIX + hashlib.sha256(job_id.encode()).hexdigest()[:40]


def label_value(job_id: str) -> str:
    """Return the id as a label value: the id if it is a valid label, else the part of the job name after ``regen-``."""
    return job_name(job_id).removeprefix(NAME_PREFIX)


def artifact_key(job_type: str, job_id: str, name: str) -> str:
    """The object's key beneath the store's prefix: ``<type>/<jobId>/<name>`` (docs/contract.md#store)."""
    return f"{job_type}/{job_id}/{name}"


def ingest_key(cluster: str, namespace: str, name: str) -> str:
    """Return the idempotency key of a row created from a custom resource."""
    return f"cr:{cluster}/{namespace}/{name}"


def ingest_requester(namespace: str) -> str:
    """Return the requester of a row created from a custom resource."""
    return f"cr:{namespace}"
