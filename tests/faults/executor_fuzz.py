"""Runs executors on generated and damaged sources, each in a process of its own with a limit of CPU time.

``python -m tests.faults.executor_fuzz KIND SEED COUNT`` prints a JSON object a line: the case's number and outcome.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import resource
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from regen_executors.discovery import load
from regen_executors.interface import Capped, Instruction, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

CPU_SECONDS: Final = 20
WORDS: Final = (
    *("a", "Größe", "日本", "🎈", "𒀀", "", " ", "x" * 300, "0", "-1.5", "1e400", "null"),
    *('"', "'", ",", ";", "\n", "\t"),
)

Case = tuple[str, dict[str, Any], dict[str, bytes], Any]
"""Type, inputs, sources, and the rows that the output must hold (None: anything, or a refusal)."""


def table(dice: random.Random) -> list[dict[str, str]]:
    """Rows of text, all with the same columns."""
    columns = [f"c{n}" for n in range(dice.randint(1, 5))]
    return [{name: dice.choice(WORDS) for name in columns} for _ in range(dice.randint(1, 30))]


def damaged(dice: random.Random, content: bytes) -> bytes:
    """The content with bytes changed, removed, repeated or cut off."""
    body = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(body) + 1)
        match dice.randint(0, 3):
            case 0 if at < len(body):
                body[at] = dice.randrange(256)
            case 1:
                del body[at : at + dice.randint(1, 20)]
            case 2:
                body[at:at] = body[at : at + dice.randint(1, 50)] * dice.randint(1, 5)
            case _:
                del body[at:]
    return bytes(body)


def csv_case(dice: random.Random) -> Case:
    """A CSV of text columns; a quoted empty field is a text, so the rows come back as they were."""
    rows = table(dice)
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], quoting=csv.QUOTE_ALL, lineterminator=dice.choice(["\n", "\r\n"]))
    writer.writeheader()
    writer.writerows(rows)
    columns = [{"name": name, "type": "string"} for name in rows[0]]
    inputs = {"source": "s.csv", "formats": ["jsonl"], "columns": columns, "delimiter": ","}
    return _maybe_damaged(dice, inputs, text.getvalue().encode(), rows)


def json_case(dice: random.Random) -> Case:
    """JSON or JSON lines with values of every kind."""
    values = [None, True, 7, -2.5, 10**17, *WORDS[:6]]
    kind = {f"c{n}": dice.choice([str, int]) for n in range(3)}
    rows = [
        {name: dice.choice([one for one in values if one is None or type(one) is wanted]) for name, wanted in kind.items()}
        for _ in range(20)
    ]
    lines = dice.random() < 0.5
    content = "\n".join(json.dumps(row) for row in rows) if lines else json.dumps(rows)
    name = "s.jsonl" if lines else "s.json"
    return _maybe_damaged(dice, {"source": name, "formats": ["jsonl"]}, content.encode(), rows)


def parquet_case(dice: random.Random) -> Case:
    """A Parquet file with checksums."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"n": dice.randint(-9, 9), "s": dice.choice(WORDS)} for _ in range(dice.randint(1, 50))]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer, write_page_checksum=True, compression=dice.choice(["none", "snappy"]))
    inputs = {"source": "s.parquet", "formats": ["jsonl"]}
    return _maybe_damaged(dice, inputs, buffer.getvalue(), rows)


def markdown_case(dice: random.Random) -> Case:
    """Markdown of random pieces, nested and repeated."""
    pieces = (
        *("# T", "- a", "> q", "| a | b |\n|---|---|\n| 1 | 2 |", "```\ncode\n```", "[" * 50, "![x](y)", "<b>", "<!-- c"),
        *("a *b **c", "- [ ] t", "https://example.com", "---\ntitle: x\n---", *WORDS),
    )
    text = "\n\n".join(dice.choice(pieces) * dice.choice([1, 1, 1, 40]) for _ in range(dice.randint(1, 12)))
    return "document", {"title": "T", "markdown": text, "formats": ["html"]}, {}, None


def svg_case(dice: random.Random) -> Case:
    """SVG of random elements, with odd lengths, references and filters."""
    lengths = ["10", "1em", "100%", "auto", "2cm", "", "10", "5", "0", "-1", "1e9"]
    parts = (
        *('<rect width="5" height="5"/>', '<g id="a"><rect width="1" height="1"/></g>', '<use href="#a"/>', "<text>x</text>"),
        *('<filter id="f"><feGaussianBlur stdDeviation="9"/></filter>', '<path d="M0 0L9 9" filter="url(#f)"/>'),
        *("<switch><text>y</text></switch>", '<g id="b"><use href="#a"/><use href="#b"/></g>', "<foreignObject/>", "<g>"),
    )
    weights = (8, 6, 6, 6, 4, 4, 3, 1, 1, 1)
    body = "".join(dice.choices(parts, weights, k=dice.randint(1, 6)))
    size = f'width="{dice.choice(lengths)}" height="{dice.choice(lengths)}"'
    box = dice.choice(["", 'viewBox="0 0 10 5"', 'viewBox="0 0 10 5"', 'viewBox="0 0 0 0"'])
    content = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box}>{body}</svg>'.encode()
    inputs = {"source": "s.svg", "renditions": [{"name": "o", "format": "png", "width": 50}]}
    return "asset", inputs, {"s.svg": damaged(dice, content) if dice.random() < 0.3 else content}, None


KINDS: Final[dict[str, Callable[[random.Random], Case]]] = {
    "csv": csv_case,
    "json": json_case,
    "parquet": parquet_case,
    "markdown": markdown_case,
    "svg": svg_case,
}


def _maybe_damaged(dice: random.Random, inputs: dict[str, Any], content: bytes, rows: Any) -> Case:
    name = inputs["source"]
    if dice.random() < 0.5:
        return "export", inputs, {name: damaged(dice, content)}, None
    return "export", inputs, {name: content}, rows


def outcome(case: Case, folder: Path) -> str:
    """Run a case: ``completed``, ``refused``, or what went wrong."""
    job_type, inputs, sources, rows = case
    paths = {name: folder / name for name in sources}
    for name, content in sources.items():
        paths[name].write_bytes(content)
    out = folder / "out"
    out.mkdir()
    try:
        result = load(job_type).run(Instruction(job_type, inputs, paths, out))
    except (InvalidInput, Capped) as refusal:
        if rows is not None:
            return f"refused a whole source: {refusal}"
        return "refused" if "inputs." in str(refusal) else f"a refusal that names no field: {refusal}"
    except Exception as error:  # noqa: BLE001 - what the fuzz is for
        return f"{type(error).__name__}: {error}"[:300]
    if rows is not None:
        body = result.artifacts[0].body
        content = body if isinstance(body, bytes) else body.read_bytes()
        found = [json.loads(line) for line in content.splitlines()]
        if found != rows:
            return f"other rows: {found[:3]} in place of {rows[:3]}"[:400]
    return "completed"


def run_alone(case: Case) -> str:
    """Run a case in a child process with ``CPU_SECONDS`` of CPU time."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        resource.setrlimit(resource.RLIMIT_CPU, (int(resource.getrusage(resource.RUSAGE_SELF).ru_utime) + CPU_SECONDS, -1))
        with tempfile.TemporaryDirectory() as folder, os.fdopen(write_end, "w") as report:
            report.write(outcome(case, Path(folder)))
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as report:
        text = report.read()
    _, status = os.waitpid(child, 0)
    return text if status == 0 else f"ended with status {status}, after at most {CPU_SECONDS} s of CPU time"


def main(kind: str, seed: int, count: int) -> None:
    """Print the outcome of each of ``count`` cases."""
    for number in range(count):
        case = KINDS[kind](random.Random(f"{kind}-{seed}-{number}"))  # noqa: S311 - repeatable, no secret
        sys.stdout.write(json.dumps({"number": number, "outcome": run_alone(case)}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
