"""`make bench`: runs every benchmark, or those named on the command line."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
from pathlib import Path

BENCHMARKS = {
    "database": "regen_bench.database.benchmark",
    "launch": "regen_bench.launch",
    "api": "regen_bench.api",
    "log-fanout": "regen_bench.log_fanout",
    "size": "regen_bench.size",
    "startup": "regen_bench.startup",
    "scaling": "regen_bench.scaling",
    "pods": "regen_bench.pods",
}
"""The module of each; imported when it runs, because the packages that one is measured against may be missing."""


def main() -> None:
    """Prints the tables; the raw numbers go to ``build/bench/<name>.json``."""
    parser = argparse.ArgumentParser(prog="bench", description="Benchmarks, each a table of ratios measured in one run.")
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which; all by default")
    names = parser.parse_args().names or list(BENCHMARKS)
    machine = f"{platform.system()} {platform.release()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}\n")
    folder = Path("build/bench")
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        load = os.getloadavg()
        raw = importlib.import_module(BENCHMARKS[name]).run()
        report = {"machine": machine, "load before": load, "raw": raw}
        (folder / f"{name}.json").write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
