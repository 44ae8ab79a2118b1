"""Which topic of the catalogue a learner's words mean.

A phrase is found where the words that name the subject end: before the first preposition, or at the end. So "Python for
biologists" and "introduction to statistics" are found, and "Spanish cooking" or "films of Monty Python" are not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from regen_executors.plan.catalogue import TOPICS, topic

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_SUBJECTS: Final = 3

_WORD: Final = re.compile(r"[\w+#.'-]*[\w+#]")
_SEPARATOR: Final = re.compile(r"\s*(?:,|;|/|&|\+(?=\s)|\band\b)\s*", re.IGNORECASE)
_BOUNDARY: Final = frozenset(
    {
        "about",
        "as",
        "at",
        "by",
        "for",
        "from",
        "in",
        "into",
        "of",
        "on",
        "through",
        "to",
        "using",
        "via",
        "when",
        "while",
        "with",
        "without",
    }
)
_OPENING_WORDS: Final = frozenset(
    {
        "a",
        "advanced",
        "an",
        "basic",
        "beginner",
        "better",
        "good",
        "improve",
        "improving",
        "intermediate",
        "learn",
        "learning",
        "master",
        "mastering",
        "modern",
        "my",
        "practical",
        "practice",
        "practise",
        "some",
        "study",
        "studying",
        "the",
        "understand",
        "understanding",
    }
)
_BEFORE_A_VERB: Final = frozenset({"how", "learn", "want"})
_OPENING_PHRASES: Final = tuple(
    tuple(phrase.split())
    for phrase in (
        "become good at",
        "basics of",
        "course in",
        "course on",
        "crash course in",
        "crash course on",
        "foundations of",
        "fundamentals of",
        "get better at",
        "getting started with",
        "how to",
        "i want to",
        "intro to",
        "introduction to",
        "learn how to",
        "learn to",
        "preparation for",
        "prepare for",
        "preparing for",
        "want to",
    )
)
_CLOSINGS: Final = frozenset(
    {
        "101",
        "basics",
        "beginners",
        "bootcamp",
        "class",
        "course",
        "crash",
        "essentials",
        "foundations",
        "fundamentals",
        "intro",
        "introduction",
        "lessons",
        "skills",
        "training",
        "tutorial",
    }
)


def catalogue_topics(wanted: str) -> list[tuple[str, str | None]]:
    """The subjects that ``wanted`` names, each with its topic of the catalogue, or None where the catalogue has none.

    A list ("Python and chess") is taken apart only where the catalogue has one of its parts and no phrase for the whole.
    """
    parts = [part for part in _SEPARATOR.split(wanted) if part]
    found = [(part, _matching(part)) for part in parts]
    names = [name for _, name in found]
    is_list = 1 < len(parts) <= MAX_SUBJECTS and any(names) and len(set(names)) == len(names)
    if is_list and not _is_a_phrase(_subject_words(wanted)):
        return found
    return [(wanted, _matching(wanted))]


def _is_a_phrase(words: Sequence[str]) -> bool:
    return any(list(words) == _WORD.findall(phrase) for name in TOPICS for phrase in topic(name).phrases)


def named_subject(wanted: str) -> str:
    """What is to be learnt, as a noun: "Learn Greek" → "Greek", "How to play chess" → "playing chess"."""
    words = list(_WORD.finditer(wanted))
    folded = [word.group().casefold() for word in words]
    rest, is_verb = wanted, False
    while opening := _opening(folded):
        is_verb = folded[opening - 1] == "to" and folded[opening - 2] in _BEFORE_A_VERB
        rest = wanted[words[opening - 1].end() :].strip()
        words, folded = words[opening:], folded[opening:]
    verb = words[0].group() if words else ""
    return _gerund(verb) + rest[len(verb) :] if is_verb and rest.startswith(verb) else rest


def _gerund(verb: str) -> str:
    if re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", verb):
        return f"{verb}{verb[-1]}ing"
    if verb.endswith("ie"):
        return f"{verb[:-2]}ying"
    return re.sub(r"(?<![eoy])e$", "", verb) + "ing"


def _matching(wanted: str) -> str | None:
    words = _subject_words(wanted)
    boundary = next((at for at, word in enumerate(words) if word in _BOUNDARY), len(words))
    ends = {at for at, word in enumerate(words) if word in _BOUNDARY} | {len(words)}
    best: tuple[int, str] | None = None
    for name in TOPICS:
        for phrase in topic(name).phrases:
            length = _longest_at(words, _WORD.findall(phrase), boundary, ends)
            if length and (best is None or length > best[0]):
                best = (length, name)
    return best[1] if best is not None else None


def _longest_at(words: Sequence[str], phrase: Sequence[str], boundary: int, ends: set[int]) -> int:
    """The phrase's length where it stands at the head of the subject, else 0."""
    for start in range(boundary):
        end = start + len(phrase)
        if end in ends and list(words[start:end]) == list(phrase):
            return len(phrase)
    return 0


def _subject_words(wanted: str) -> list[str]:
    words = _WORD.findall(wanted.casefold())
    while opening := _opening(words):
        words = words[opening:]
    while len(words) > 1 and words[-1] in _CLOSINGS:
        words = words[:-1]
    return words


def _opening(words: Sequence[str]) -> int:
    """How many of the first words only lead up to the subject; never all of them."""
    for phrase in _OPENING_PHRASES:
        if len(words) > len(phrase) and tuple(words[: len(phrase)]) == phrase:
            return len(phrase)
    return int(len(words) > 1 and words[0] in _OPENING_WORDS)
