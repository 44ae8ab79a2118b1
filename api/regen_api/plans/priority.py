"""How urgent a plan's job is: the user's tier, and a bonus for the topics that matter now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class PriorityRules:
    """The settings. ``topics`` are words or phrases; ``bonus`` is added once, however many of them a topic holds."""

    tiers: Mapping[str, int]
    topics: tuple[str, ...]
    bonus: int


def priority(rules: PriorityRules, tier: str, topic: str) -> int:
    """The job's priority, higher first.

    A tier without a rule counts 0. A topic is a priority topic when it holds one of the phrases as whole words, whatever
    the case and the space between them: ``Interview  prep in a week`` holds ``interview prep``, ``interview preparation``
    does not.
    """
    words = f" {_words(topic)} "
    is_priority = any(f" {_words(phrase)} " in words for phrase in rules.topics)
    return rules.tiers.get(tier, 0) + (rules.bonus if is_priority else 0)


def _words(text: str) -> str:
    """Lower-case letters and digits, one space between words."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())
