"""docs/reasons.md, generated from the reasons that the code declares. ``make reference`` writes it."""

from __future__ import annotations

from pathlib import Path

from regen_operator import reasons
from regen_operator.reasons import CLASSIFICATIONS, Reason

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reasons.md"
INTRODUCTION = """# Reasons

<!-- Written by `make reference` from operator/regen_operator/reasons.py. -->

Every reason that regen shows, by where you meet it. `kubectl get rj` shows `status.reason` in the column REASON.
"""
SECTIONS: tuple[tuple[str, type[Reason]], ...] = (
    ("A PENDING job waits", reasons.PendingReason),
    ("A RUNNING job has not started", reasons.StartReason),
    ("A user-created resource is refused", reasons.RefusalReason),
    ("Conditions", reasons.ConditionReason),
    ("Events", reasons.EventReason),
    ("Cause of a failure", reasons.FailureCause),
)
KUBELET = """
Any other reason is the kubelet's, for example `CreateContainerConfigError`; the message is the kubelet's too.
"""


def table(column: str, rows: list[tuple[str, str]]) -> str:
    return "\n".join([f"| {column} | Meaning |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in rows), ""])


def section(title: str, kind: type[Reason]) -> str:
    where = (kind.__doc__ or "").replace("``", "`")
    text = f"## {title}\n\n{where}\n\n" + table("Reason", [(str(one), one.description) for one in kind])
    return text + KUBELET if kind is reasons.StartReason else text


def page() -> str:
    """The whole page."""
    failures = table("Classification", [(str(name), text) for name, text in CLASSIFICATIONS.items()])
    return "\n".join(
        [
            INTRODUCTION,
            *(section(title, kind) for title, kind in SECTIONS),
            "## A job failed\n\n`status.reason` of a FAILED job is the classification of its error.\n",
            failures,
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
