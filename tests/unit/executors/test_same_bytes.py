"""Does the same instruction give the same bytes in another process with another hash seed, zone, locale and folder (R11)?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.executors.images import encoded, picture

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PROGRAM = """
import hashlib, json, pathlib, sys
from regen_executors.discovery import load
from regen_executors.interface import Instruction
given = json.load(sys.stdin)
out = pathlib.Path(given["out"])
sources = {name: pathlib.Path(path) for name, path in given["sources"].items()}
result = load(given["type"]).run(Instruction(given["type"], given["inputs"], sources, out))
bodies = {a.name: a.body if isinstance(a.body, bytes) else a.body.read_bytes() for a in result.artifacts}
print(json.dumps({name: hashlib.sha256(body).hexdigest() for name, body in bodies.items()}))
"""
_ENVIRONMENTS: tuple[Mapping[str, str], ...] = (
    {"PYTHONHASHSEED": "0", "TZ": "UTC", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": "0"},
    {"PYTHONHASHSEED": "4711", "TZ": "Asia/Tokyo", "LANG": "de_DE.UTF-8", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "random", "TZ": "America/St_Johns", "LANG": "C", "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"},
)


def _digests(
    job_type: str, inputs: Mapping[str, Any], sources: Mapping[str, Path], folder: Path, env: Mapping[str, str]
) -> Any:
    (folder / "out").mkdir(parents=True)
    given = {"type": job_type, "inputs": inputs, "sources": {n: str(p) for n, p in sources.items()}, "out": str(folder / "out")}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        input=json.dumps(given),
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), **env},
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


_TEMPLATE = """
# {{ title }}

{% for group in cars | groupby("Origin") %}
## {{ group.grouper }}[^n]

| Name | Power |
|---|--:|
{% for car in group.list[:5] %}
| {{ car.Name }} | {{ car.Horsepower }} |
{% endfor %}

{% endfor %}
[^n]: Of {{ cars | length }} cars.
"""


@pytest.mark.parametrize(
    ("job_type", "inputs", "source"),
    [
        ("document", {"title": "Cars", "template": _TEMPLATE, "toc": True, "author": "Someone"}, "cars.json"),
        (
            "export",
            {"source": "airports.csv", "columns": [{"name": "iata"}, {"name": "latitude", "type": "decimal"}]},
            "airports.csv",
        ),
        ("export", {"source": "cars.json", "columns": [{"name": "Name"}, {"name": "Year", "type": "date"}]}, "cars.json"),
    ],
    ids=["document", "export-csv", "export-json"],
)
def test_the_bytes_are_the_same_everywhere(
    job_type: str, inputs: dict[str, Any], source: str, datasets: Path, tmp_path: Path
) -> None:
    if job_type == "document":
        inputs = inputs | {"data": {"title": "Cars", "cars": json.loads((datasets / source).read_text())}}
    else:
        inputs = inputs | {"formats": ["csv", "jsonl", "parquet", "xlsx"]}
    digests = [
        _digests(job_type, inputs, {source: datasets / source}, tmp_path / str(number), env)
        for number, env in enumerate(_ENVIRONMENTS)
    ]
    assert len(digests[0]) == (2 if job_type == "document" else 4)
    assert digests[1:] == digests[:1] * (len(_ENVIRONMENTS) - 1)


def test_a_plans_bytes_are_the_same_everywhere(tmp_path: Path) -> None:
    inputs = {"topic": "SQL and beekeeping 🐝", "skillLevel": "advanced", "weeklyHours": 3, "learningStyle": "video"}
    dates = {"startDate": "2026-01-05T00:00:00+13:00", "deadlineDate": "2026-03-01T00:00:00Z"}
    digests = [
        _digests("plan_regeneration", inputs | dates, {}, tmp_path / str(number), env)
        for number, env in enumerate(_ENVIRONMENTS)
    ]
    assert set(digests[0]) == {"plan.json", "plan.pdf"}
    assert digests[1:] == digests[:1] * (len(_ENVIRONMENTS) - 1)


def test_renditions_are_the_same_everywhere(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(picture(300, 200), "jpeg"))
    renditions = [
        {"name": "r", "format": kind, "width": 111, "watermark": {"text": "regen"}} for kind in ("png", "jpeg", "webp")
    ]
    inputs = {"source": "a.jpg", "renditions": renditions}
    digests = [
        _digests("asset", inputs, {"a.jpg": tmp_path / "a.jpg"}, tmp_path / str(number), env)
        for number, env in enumerate(_ENVIRONMENTS)
    ]
    assert len(digests[0]) == 3
    assert digests[1:] == digests[:1] * (len(_ENVIRONMENTS) - 1)
