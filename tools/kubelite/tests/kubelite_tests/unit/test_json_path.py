"""Which values do the paths of printer columns find?"""

from __future__ import annotations

from typing import Any

import pytest

from kubelite import jsonpath
from kubelite.errors import APIError

OBJECT = {
    "metadata": {"annotations": {"example.test/a": "1"}},
    "items": [{"n": 1}],
    "conditions": [{"type": "A", "status": "x"}],
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (".items[0].n", 1),
        (".items[1].n", None),
        (".missing.deeper", None),
        (".metadata.annotations['example.test/a']", "1"),
        ('.conditions[?(@.type=="A")].status', "x"),
        ("..conditions[?(@.type=='B')].status"[1:], None),
    ],
)
def test_a_path_finds_its_first_value(path: str, value: Any) -> None:
    assert jsonpath.first(path, OBJECT) == value


@pytest.mark.parametrize("path", ["", "items", ".items[*].n", "{.items}", ".items[-1]"])
def test_any_other_syntax_is_not_emulated(path: str) -> None:
    with pytest.raises(APIError) as caught:
        jsonpath.steps(path)
    assert caught.value.code == 501
