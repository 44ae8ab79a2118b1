"""Is an error's JSON of the contract's shape, and never above its size?"""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from regen_core.errors import MAX_ERROR_BYTES, Classification, JobError, RegenError, StoreUnavailable, ValidationFailed


@given(
    st.sampled_from(Classification),
    st.text(max_size=30_000),
    st.booleans(),
    st.dictionaries(st.text(max_size=9), st.text(max_size=20_000), max_size=3),
)
def test_never_above_its_size(kind: Classification, message: str, retryable: bool, detail: dict[str, str]) -> None:  # noqa: FBT001 - hypothesis
    value = JobError(kind, message, retryable, detail).as_json()
    assert len(json.dumps(value).encode()) <= MAX_ERROR_BYTES
    assert (value["classification"], value["retryable"]) == (str(kind), retryable)
    assert isinstance(value["message"], str)
    assert isinstance(value["detail"], dict)


def test_a_small_error_is_kept_whole() -> None:
    error = JobError(Classification.TIMEOUT, "too long", retryable=False, detail={"seconds": 5})
    assert error.as_json() == {"classification": "timeout", "retryable": False, "message": "too long", "detail": {"seconds": 5}}


def test_an_exception_knows_how_the_job_ends() -> None:
    assert ValidationFailed("no", field="type").as_job_error() == JobError(
        Classification.VALIDATION, "no", detail={"field": "type"}
    )
    assert StoreUnavailable("away").as_job_error().retryable
    assert RegenError("?").as_job_error().classification is Classification.INTERNAL
