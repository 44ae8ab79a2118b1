"""Every name that two parts must agree on (contract sections 3 to 5)."""

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
"""The exit status of a pod that found its job's fence taken."""

MANIFEST_NAME: Final = "manifest.json"
PROVENANCE_NAME: Final = "provenance.intoto.jsonl"
"""A bundle of attestations is named so (in-toto Attestation Framework, "Bundle layer specification")."""
DEFAULT_BUILDER_ID: Final = "https://regeneration.dev/provenance/builder/v1"
"""The builder that the provenance names where the settings name none."""
LOG_NAME: Final = "executor.log"
"""What the executor wrote to its standard output and error, beside its outputs; no output itself."""
RESERVED_NAMES: Final = frozenset({MANIFEST_NAME, PROVENANCE_NAME, LOG_NAME})
"""What publish itself puts into a job's folder, and no artifact may be called."""

_TYPE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_DNS_LABEL_TAIL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_ARTIFACT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DNS_LABEL_MAX = 63


def is_type(text: str) -> bool:
    """Whether ``text`` may be an executor's type: ``^[a-z][a-z0-9_]{0,62}$``."""
    return _TYPE.fullmatch(text) is not None


def is_artifact_name(text: str) -> bool:
    """Whether ``text`` may name an artifact: one path segment of at most 128 safe characters that is not reserved."""
    return _ARTIFACT.fullmatch(text) is not None and text not in RESERVED_NAMES


def job_name(job_id: str) -> str:
    """The name of the Job and of the custom resource of a job.

    ``regen-<id>`` where that is a DNS label, else ``regen-`` and the first 40 hex digits of the id's SHA-256
    (contract section 5).
    """
    if len(NAME_PREFIX) + len(job_id) <= _DNS_LABEL_MAX and _DNS_LABEL_TAIL.fullmatch(job_id):
        return NAME_PREFIX + job_id
    return NAME_PREFIX + hashlib.sha256(job_id.encode()).hexdigest()[:40]


def label_value(job_id: str) -> str:
    """The id as a label's value: itself where a label may hold it, else what follows ``regen-`` in its name."""
    return job_name(job_id).removeprefix(NAME_PREFIX)


def artifact_key(job_type: str, job_id: str, name: str) -> str:
    """The object's key beneath the store's prefix: ``<type>/<jobId>/<name>`` (contract section 4)."""
    return f"{job_type}/{job_id}/{name}"


def ingest_key(cluster: str, namespace: str, name: str) -> str:
    """The idempotency key of a row made from a custom resource."""
    return f"cr:{cluster}/{namespace}/{name}"


def ingest_requester(namespace: str) -> str:
    """The requester of a row made from a custom resource."""
    return f"cr:{namespace}"
