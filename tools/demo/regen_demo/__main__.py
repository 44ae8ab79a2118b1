"""``python -m regen_demo``: runs real jobs, then checks every guarantee; exit status 0 only if all checks pass."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from regen_demo.run import Demo
from regen_stack.config import StackConfig
from regen_stack.stack import Stack


async def demo(console: Console) -> int:
    """Runs the demo; the stack stops with it, even after an error."""
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
        operator = max((peak_memory(process.pid) for process in stack.operators.values()), default=0.0)
        if faults:
            console.print("\n".join(stack.log_file(name).read_text(errors="replace")[-4000:] for name in stack.operators))
    console.print(f"[dim]{time.monotonic() - started:.0f} s; peak memory of the surviving operator {operator:.0f} MiB[/]")
    for fault in faults:
        console.print(f"[bold red]FAILED[/] {fault}")
    console.print(f"[bold red]{len(faults)} checks failed.[/]" if faults else "[bold green]All checks passed.[/]")
    return 1 if faults else 0


def peak_memory(pid: int) -> float:
    """The most memory, in MiB, that a process has had resident (``VmHWM`` of proc(5)); 0 once it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def main() -> None:
    """The program; Ctrl-C stops it and everything it started."""
    console = Console()
    with suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(demo(console)))
    console.print("interrupted; all processes of the demo have stopped")
    sys.exit(130)


if __name__ == "__main__":
    main()
