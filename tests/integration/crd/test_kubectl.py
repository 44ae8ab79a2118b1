"""Does kubectl list and check a RegenerationJob by its short name?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.integration.crd.regeneration_jobs import regeneration_job

if TYPE_CHECKING:
    from kubelite_tests.api.fixtures import Kubectl
    from tests.integration.crd.regeneration_jobs import RegenerationJobs


async def test_our_custom_resource_by_its_short_name(kubectl: Kubectl, jobs: RegenerationJobs) -> None:
    await kubectl("apply", "-f", "-", stdin=regeneration_job("a"))
    status = json.dumps({"status": {"phase": "RUNNING", "podName": "p", "runTime": "since 03:04:05Z"}})
    await kubectl("patch", "rj", "a", "--subresource=status", "--type=merge", "-p", status)
    header, row = (await kubectl("get", "rj")).splitlines()
    assert header.split() == ["NAME", "TYPE", "STATUS", "REASON", "POD", "RUN", "TIME", "AGE"]
    assert row.split()[:3] == ["a", "document", "RUNNING"]
    assert "spec.type" in await kubectl("apply", "-f", "-", stdin=regeneration_job("b", type="Bad"), fails=True)
    misspelt = regeneration_job("b", instrution={})
    assert 'unknown field "spec.instrution"' in await kubectl("apply", "-f", "-", stdin=misspelt, fails=True)
