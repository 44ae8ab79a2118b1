"""``regen-devcluster up``: the stack, kept running until Ctrl-C, with what to export to look into it."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from typing import TYPE_CHECKING

from regen_devcluster.stack import Stack
from regen_devcluster.stack_config import StackConfig

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """The program ``regen-devcluster``."""
    asked = _parser().parse_args(arguments)
    config = StackConfig(api_port=asked.port, max_pods=asked.max_pods, fsync=asked.fsync)
    asyncio.run(_up(config, asked.operators))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="regen-devcluster", description=__doc__)
    up = parser.add_subparsers(required=True, metavar="command").add_parser("up", help="start everything and keep it running")
    up.add_argument("--operators", type=int, default=2, metavar="N", help="operator replicas (default: 2)")
    up.add_argument("--port", type=int, default=0, help="the Kubernetes API's port (default: a free one)")
    up.add_argument("--max-pods", type=int, default=None, metavar="N", help="pods at a time (default: no limit)")
    up.add_argument("--fsync", action="store_true", help="make PostgreSQL's commits survive a crash of the machine")
    return parser


async def _up(config: StackConfig, operators: int) -> None:
    stop = asyncio.Event()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(wanted, stop.set)
    async with Stack(config) as stack:
        for number in range(1, operators + 1):
            await stack.start_operator(f"operator-{number}")
        sys.stdout.write(_directions(stack))
        sys.stdout.flush()
        await stop.wait()


def _directions(stack: Stack) -> str:
    """What to export, one line each, and where to look."""
    exports = {
        "KUBECONFIG": str(stack.kubeconfig),
        "REGEN_DATABASE_URL": stack.superuser_url,
        "REGEN_OUTPUT_URL": stack.store.output_url,
        **stack.store.admin_environment,
    }
    lines = [f"export {name}={value}" for name, value in exports.items()]
    logs = [f"# {name}: {stack.health_url(name)}/healthz, log {stack.log_file(name)}" for name in stack.operators]
    return "\n".join([*lines, *logs, "# Ctrl-C ends everything and removes it", ""])


if __name__ == "__main__":
    main()
