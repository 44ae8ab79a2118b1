"""The demo's jobs: real data sets, long documents, plans and pictures of every shipped type, and some that must fail."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Upload = Callable[[str, bytes], str]
    """Takes a name and bytes, puts them into the store, answers the URI."""

ROOT = Path(__file__).resolve().parents[3]

REPORT = """# {{ title_of_place }}: {{ years }} years of weather

| Year | Days | Rain (mm) | Warmest (°C) | Coldest (°C) |
|---:|---:|---:|---:|---:|
{% for y in by_year -%}
| {{ y.year }} | {{ y.days }} | {{ "%.1f"|format(y.rain) }} | {{ y.warmest }} | {{ y.coldest }} |
{% endfor %}

{% for y in by_year %}
## {{ y.year }}

{{ y.days }} days were measured; on {{ y.wet }} of them it rained.{% if y.rain > 1000 %} **A wet year.**{% endif %}
{% endfor %}
"""


LOGO = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><circle cx="32" cy="32" r="28" fill="#0b57b7"/>'
    b'<path d="M20 34l8 8 16-20" stroke="#fff" stroke-width="6" fill="none"/></svg>'
)


@dataclass(frozen=True, slots=True)
class DemoJob:
    """A row to insert, and how it must end: ``classification`` is None for COMPLETED."""

    id: str
    instruction: dict[str, Any]
    priority: int
    requester: str
    classification: str | None = None


def demo_jobs(run: str, upload: Upload) -> list[DemoJob]:
    """At least 24 jobs with ids that end in ``run``."""
    jobs = [*_documents(), *_exports(upload), *_plans(), *_assets(upload), *_failing(upload)]
    return [DemoJob(f"{job.id}-{run}", job.instruction, job.priority, job.requester, job.classification) for job in jobs]


def slow_job(run: str, seconds: int) -> DemoJob:
    """One job that takes ``seconds``: long enough to start a second pod beside it."""
    return DemoJob(f"slow-{run}", _instruction("probe_sleep", {"seconds": seconds}), 0, "demo")


def _instruction(kind: str, inputs: dict[str, Any], sources: list[dict[str, str]] | None = None) -> dict[str, Any]:
    instruction: dict[str, Any] = {"type": kind, "version": 1, "inputs": inputs}
    return instruction | ({"sources": sources} if sources else {})


def _documents() -> list[DemoJob]:
    texts = {
        "architecture": "docs/architecture.md",
        "state-machine": "docs/state-machine.md",
        "getting-started": "docs/getting-started.md",
        "configuration": "docs/configuration.md",
        "writing-an-executor": "docs/writing-an-executor.md",
        "licence": "LICENSE",
    }
    jobs = [
        DemoJob(
            f"doc-{name}",
            _instruction(
                "document",
                {
                    "title": name.replace("-", " ").capitalize(),
                    "markdown": (ROOT / path).read_text(encoding="utf-8"),
                    "toc": name != "licence",
                    "language": "en",
                },
            ),
            priority,
            "ada",
        )
        for priority, (name, path) in enumerate(texts.items())
    ]
    inputs = {
        "title": "Seattle's weather",
        "template": REPORT,
        "data": _weather(),
        "formats": ["pdf", "html"],
        "paper": "letter",
    }
    return [*jobs, DemoJob("doc-weather", _instruction("document", inputs), 9, "grace")]


def _weather() -> dict[str, Any]:
    header, *lines = _data("seattle-weather.csv").decode().splitlines()
    columns = header.split(",")
    days = [dict(zip(columns, line.split(","), strict=True)) for line in lines]
    years = sorted({day["date"][:4] for day in days})
    by_year = []
    for year in years:
        of_year = [day for day in days if day["date"].startswith(year)]
        rain = [float(day["precipitation"]) for day in of_year]
        by_year.append(
            {
                "year": year,
                "days": len(of_year),
                "rain": round(sum(rain), 1),
                "wet": sum(1 for amount in rain if amount > 0),
                "warmest": max(float(day["temp_max"]) for day in of_year),
                "coldest": min(float(day["temp_min"]) for day in of_year),
            }
        )
    return {"title_of_place": "Seattle", "years": len(years), "by_year": by_year}


def _exports(upload: Upload) -> list[DemoJob]:
    wanted: list[tuple[str, str, dict[str, Any]]] = [
        (
            "airports",
            "airports.csv",
            {"filters": [{"column": "state", "op": "eq", "value": "AK"}], "sort": [{"column": "iata"}]},
        ),
        ("temperatures", "seattle-temps.csv", {"sort": [{"column": "temp", "descending": True}], "limit": 500}),
        ("bay-area", "sf-temps.csv", {"formats": ["parquet"]}),
        ("weather", "seattle-weather.csv", {"filters": [{"column": "weather", "op": "in", "value": ["snow", "rain"]}]}),
        ("stocks", "stocks.csv", {"sort": [{"column": "symbol"}, {"column": "price", "descending": True}]}),
        ("employment", "us-employment.csv", {"formats": ["xlsx", "csv"]}),
        ("electricity", "iowa-electricity.csv", {"formats": ["jsonl", "xlsx"]}),
        ("riots", "la-riots.csv", {}),
        ("cars", "cars.json", {"columns": [{"name": "Name"}, {"name": "Horsepower"}, {"name": "Year"}]}),
        ("barley", "barley.json", {"sort": [{"column": "yield", "descending": True}]}),
    ]
    jobs = []
    for number, (name, file, inputs) in enumerate(wanted):
        content = _data(file)
        source = {"name": file, "uri": upload(file, content), "sha256": hashlib.sha256(content).hexdigest()}
        settings = {"source": file, "sourceFormat": Path(file).suffix[1:], "formats": ["csv", "jsonl", "parquet", "xlsx"]}
        jobs.append(
            DemoJob(
                f"export-{name}", _instruction("export", settings | inputs, [source]), number % 4, ("ada", "grace")[number % 2]
            )
        )
    rows = json.loads(_data("iris.json"))
    inputs = {"rows": rows, "formats": ["csv", "parquet"], "sort": [{"column": "petalLength"}]}
    return [*jobs, DemoJob("export-iris", _instruction("export", inputs), 7, "grace")]


def _plans() -> list[DemoJob]:
    interview = {"topic": "interview prep", "skillLevel": "beginner", "weeklyHours": 6, "learningStyle": "practice"}
    dates = {"startDate": "2026-01-05T00:00:00Z", "deadlineDate": "2026-02-01T00:00:00Z"}
    bees = {"topic": "SQL and beekeeping", "skillLevel": "advanced", "weeklyHours": 3, "learningStyle": "reading"}
    return [
        DemoJob("plan-interview", _instruction("plan_regeneration", interview | dates), 8, "ada"),
        DemoJob("plan-bees", _instruction("plan_regeneration", bees), 2, "grace"),
    ]


def _assets(upload: Upload) -> list[DemoJob]:
    mark = {"text": "regen", "position": "top-left", "colour": "#003366"}
    renditions = [
        {"name": "logo", "format": "png", "width": 512, "watermark": mark},
        {"name": "logo", "format": "webp", "width": 64},
    ]
    return [DemoJob("asset-logo", _asset("logo.svg", upload, renditions), 3, "grace")]


def _asset(file: str, upload: Upload, renditions: list[dict[str, Any]]) -> dict[str, Any]:
    source = {"name": file, "uri": upload(file, LOGO), "sha256": hashlib.sha256(LOGO).hexdigest()}
    return _instruction("asset", {"source": file, "renditions": renditions}, [source])


def _failing(upload: Upload) -> list[DemoJob]:
    bad_column = {"rows": [{"a": 1}], "formats": ["csv"], "columns": [{"name": "b"}]}
    wrong_digest = [{"name": "s.csv", "uri": upload("s.csv", b"a,b\n1,2\n"), "sha256": "0" * 64}]
    return [
        DemoJob("bad-type", _instruction("hologram", {}), 1, "mallory", "validation"),
        DemoJob("bad-input", _instruction("export", bad_column), 1, "mallory", "validation"),
        DemoJob(
            "bad-source",
            _instruction("export", {"source": "s.csv"}, wrong_digest),
            1,
            "mallory",
            "validation",
        ),
        DemoJob("bad-image", _asset("logo.png", upload, [{"name": "logo", "format": "png"}]), 1, "mallory", "validation"),
        DemoJob("bad-crash", _instruction("probe_crash", {}), 1, "mallory", "executor"),
        DemoJob(
            "bad-socket",
            _instruction("probe_escape", {"attempt": "socket", "address": "10.96.0.1:443"}),
            1,
            "mallory",
            "executor",
        ),
        DemoJob("bad-passwd", _instruction("probe_escape", {"attempt": "passwd"}), 1, "mallory", "executor"),
        DemoJob("bad-endless", _instruction("probe_sleep", {"seconds": 600}), 1, "mallory", "timeout"),
    ]


def _data(name: str) -> bytes:
    return files("vega_datasets").joinpath("_data", name).read_bytes()
