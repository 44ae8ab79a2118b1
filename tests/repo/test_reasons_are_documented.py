"""Does docs/reasons.md match the code, and does the code use no reason that is not declared?"""

from __future__ import annotations

import re
from pathlib import Path

from regen_core.errors import Classification, RegenError
from regen_operator import reasons
from regen_operator.reasons import CLASSIFICATIONS, FailureCause, Reason
from tests.repo.reasons_reference import PAGE, SECTIONS, page

OPERATOR = Path(reasons.__file__).parent


def test_the_page_is_current() -> None:
    """``make reference`` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_kind_of_reason_has_a_section() -> None:
    assert {kind for _, kind in SECTIONS} == set(Reason.__subclasses__())
    assert CLASSIFICATIONS.keys() == set(Classification)
    for kind in Reason.__subclasses__():
        assert all(one.description.endswith(".") for one in kind)


def test_every_cause_of_the_shared_errors_is_declared() -> None:
    named = {kind.reason for kind in RegenError.__subclasses__() if kind.reason is not None}
    assert named <= {str(cause) for cause in FailureCause}


def test_the_operator_names_no_reason_by_a_literal() -> None:
    declared = {str(one) for kind in Reason.__subclasses__() for one in kind}
    written = re.compile(r"reason=\"([A-Z][A-Za-z]+)\"|\"reason\": \"([A-Z][A-Za-z]+)\"|WaitReason\(\"([A-Z][A-Za-z]+)\"")
    found = {
        (path.name, name)
        for path in OPERATOR.rglob("*.py")
        for match in written.finditer(path.read_text(encoding="utf-8"))
        for name in match.groups()
        if name is not None
    }
    assert not {one for one in found if one[1] in declared}, "use the member of regen_operator.reasons"
