"""``python -m regen_devcluster.demo``: exit status 0 only if everything held."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from contextlib import suppress

from rich.console import Console

from regen_devcluster.demo.run import Demo
from regen_devcluster.stack import Stack
from regen_devcluster.stack_config import StackConfig


async def demo(console: Console) -> int:
    """Runs the demo; the stack ends with it, however it ends."""
    try:
        config = StackConfig.from_environment()
    except ValueError as error:
        console.print(f"demo: {error}", soft_wrap=True)
        return 2
    started = time.monotonic()
    cluster = f"the cluster of {config.kubeconfig}" if config.kubeconfig else "a Kubernetes API on loopback"
    console.print(f"[bold]Starting[/] PostgreSQL, an S3 server and {cluster}, and migrating the database", soft_wrap=True)
    async with Stack(config) as stack:
        faults = await Demo(stack, console).course()
        if faults:
            console.print("\n".join(stack.log_file(name).read_text(errors="replace")[-4000:] for name in stack.operators))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    console.print(f"[dim]{time.monotonic() - started:.0f} s; the largest process took {peak:.0f} MiB[/]")
    for fault in faults:
        console.print(f"[bold red]FAULT[/] {fault}")
    console.print("[bold red]Something did not hold.[/]" if faults else "[bold green]All of it held.[/]")
    return 1 if faults else 0


def main() -> None:
    """The program; Ctrl-C ends it and everything it started."""
    console = Console()
    with suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(demo(console)))
    console.print("interrupted; everything that was started is gone")
    sys.exit(130)


if __name__ == "__main__":
    main()
