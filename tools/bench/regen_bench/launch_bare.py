"""``python -m regen_bench.launch_bare PREFIX COUNT``: creates Jobs as the operator's launcher does, and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from regen_core.logs import configure_logs
from regen_operator.kube.client import JOBS, KubeClient
from regen_operator.launch.classes import load_classes
from regen_operator.launch.job import build_job
from regen_operator.launch.order import JobOrder

NAMESPACE = "bare"
"""Not the runner's: the operator that is measured beside it must not hear of these."""
CONCURRENCY = 16
"""The operator's own default."""


async def main(prefix: str, count: int) -> None:
    """Prints the seconds as JSON."""
    configure_logs("warning", quiet=[])  # the client logs its login, and standard output carries the result
    classes = load_classes(Path(os.environ["REGEN_CLASSES_FILE"]))
    executor_class = classes.by_type["document"]
    async with KubeClient(timeout_seconds=60.0, concurrency=CONCURRENCY) as kube:

        async def create(index: int) -> None:
            order = JobOrder(f"{prefix}-{index}", "document", NAMESPACE, 300)
            await kube.create(JOBS, NAMESPACE, build_job(order, classes, executor_class))

        began = time.monotonic()
        await asyncio.gather(*(create(index) for index in range(count)))
        print(json.dumps({"seconds": time.monotonic() - began}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
