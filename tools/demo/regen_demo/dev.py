"""``regen-stack up``: starts the stack, prints what to export, and keeps it running until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from typing import TYPE_CHECKING

from regen_demo.forbidden import insert
from regen_demo.jobs import demo_jobs
from regen_demo.objects import Objects
from regen_stack.config import StackConfig
from regen_stack.control_plane import PLANS, SUBJECT
from regen_stack.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regen_stack.control_plane import ControlPlane


def main(arguments: Sequence[str] | None = None) -> None:
    """The program ``regen-stack``."""
    asked = _parser().parse_args(arguments)
    config = StackConfig(api_port=asked.port, max_pods=asked.max_pods, fsync=asked.fsync)
    asyncio.run(_up(config, asked.operators, seeded=not asked.empty))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="regen-stack", description=__doc__)
    up = parser.add_subparsers(required=True, metavar="command").add_parser("up", help="start the stack and keep it running")
    up.add_argument("--operators", type=int, default=2, metavar="N", help="operator replicas (default: 2)")
    up.add_argument("--port", type=int, default=0, help="the Kubernetes API's port (default: a free one)")
    up.add_argument(
        "--max-pods", type=int, default=None, metavar="N", help="maximum number of pods at a time (default: no limit)"
    )
    up.add_argument("--fsync", action="store_true", help="make PostgreSQL's commits survive a crash of the machine")
    up.add_argument("--empty", action="store_true", help="do not insert example jobs")
    return parser


async def _up(config: StackConfig, operators: int, *, seeded: bool) -> None:
    stop = asyncio.Event()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(wanted, stop.set)
    async with Stack(config) as stack:
        for number in range(1, operators + 1):
            await stack.start_operator(f"operator-{number}")
        control_plane = await stack.start_api()
        if seeded:
            objects = Objects(stack.store.output_url, stack.store.admin_environment)
            await insert(stack.database_url("api"), demo_jobs("dev", objects.upload_source))
        sys.stdout.write(_directions(stack, control_plane))
        sys.stdout.flush()
        await stop.wait()


def _directions(stack: Stack, control_plane: ControlPlane) -> str:
    """The variables to export, one line each, and the addresses of the servers."""
    exports = {
        "KUBECONFIG": str(stack.kubeconfig),
        "REGEN_DATABASE_URL": stack.superuser_url,
        "REGEN_OUTPUT_URL": stack.store.output_url,
        **stack.store.admin_environment,
    }
    lines = [f"export {name}={value}" for name, value in exports.items()]
    logs = [f"# {name}: {stack.health_url(name)}/healthz, log {stack.log_file(name)}" for name in stack.operators]
    console = [
        f"# the console: {control_plane.console}, sign in with the token {control_plane.key}",
        f"# the API: {control_plane.url}/api/v1, the same token as bearer",
        f"# plans of {SUBJECT}: {', '.join(PLANS)}",
    ]
    return "\n".join([*lines, *logs, *console, "# Ctrl-C stops everything and removes its files", ""])


if __name__ == "__main__":
    main()
