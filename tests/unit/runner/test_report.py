"""Can every error that an executor may word be stored as jsonb?"""

from __future__ import annotations

import json

from regen_core.errors import Classification, JobError
from regen_runner.report import storable


def test_that_nul_surrogates_and_odd_values_are_replaced_at_every_depth() -> None:
    detail = {
        "a\0": ["x\ud800", {"deep": "\0"}],
        "nan": float("nan"),
        "object": object,
        "number": 1.5,
        "none": None,
        "yes": True,
    }
    stored = storable(JobError(Classification.EXECUTOR, "bad \0 message \udfff", detail=detail)).as_json()
    text = json.dumps(stored, allow_nan=False, ensure_ascii=False)
    text.encode("utf-8")
    assert "\\u0000" not in text
    assert stored["message"] == "bad \N{REPLACEMENT CHARACTER} message ?"
    assert stored["detail"]["number"] == 1.5
    assert stored["detail"]["none"] is None
    assert stored["detail"]["yes"] is True


def test_that_an_ordinary_error_is_left_as_it_is() -> None:
    error = JobError(Classification.TIMEOUT, "expected an end within 5 s", retryable=False, detail={"seconds": 5})
    assert storable(error) == error
