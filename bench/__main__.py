"""`make bench`: runs every benchmark, or those named on the command line."""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path

from bench import api, database_path, launch, log_fanout, pods, scaling, size, startup

BENCHMARKS = {
    "database-path": database_path.run,
    "launch": launch.run,
    "api": api.run,
    "log-fanout": log_fanout.run,
    "size": size.run,
    "startup": startup.run,
    "scaling": scaling.run,
    "pods": pods.run,
}


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
        raw = BENCHMARKS[name]()
        (folder / f"{name}.json").write_text(json.dumps({"machine": machine, "raw": raw}, indent=2))


if __name__ == "__main__":
    main()
