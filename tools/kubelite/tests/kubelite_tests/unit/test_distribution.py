"""Does kubelite build as a distribution of its own, with what it imports and nothing of regen?"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3]


def test_the_wheel_holds_the_package_and_names_its_dependencies(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("kubelite-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        [metadata] = [archive.read(name).decode() for name in names if name.endswith("METADATA")]
    assert "kubelite/api.py" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"kubelite"}
    assert {line.split(">")[0] for line in metadata.splitlines() if line.startswith("Requires-Dist:")} == {
        "Requires-Dist: aiohttp"
    }
