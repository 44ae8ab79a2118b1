"""Do the tests that share a stack stay with one worker, as their group asks?"""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("groups")


def test_a_group_reaches_the_scheduler(request: pytest.FixtureRequest) -> None:
    """The scheduler reads a group from the end of a test's id; a pytest that xdist does not know loses it in silence."""
    if not request.config.getoption("loadgroup", default=False):
        pytest.skip("not proven here: the tests are not spread by group")
    assert request.node.nodeid.endswith("@groups")
