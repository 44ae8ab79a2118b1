"""Which topic of the catalogue a learner's words mean.

A phrase is found where the words that name the subject end: before the first preposition, or at the end. So "Python for
biologists" and "introduction to statistics" are found, and "Spanish cooking" or "films of Monty Python" are not. Misspelt words
are read as the nearest word of the catalogue. Whatever the lessons do not cover of the learner's words, a remark says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from regen_plan_catalogue.catalogue import TOPICS, topic

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
        *("für", "fuer", "mit", "para", "con", "pour", "avec", "per"),
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
        *("ich", "lerne", "aprender", "aprendo", "estudiar", "quiero", "apprendre", "imparare", "leren", "le", "la", "el"),
    }
)
_BEFORE_A_VERB: Final = frozenset({"how", "learn", "want"})
_OPENING_PHRASES: Final = tuple(
    tuple(phrase.split())
    for phrase in (
        "ich möchte",
        "ich will",
        "je veux",
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
        *("lernen", "erlernen", "grundlagen", "kurs", "anfänger", "curso", "cours", "corso"),
    }
)
_SHORTEST: Final = 5
"""Letters of the shortest word that is corrected."""
_IDEOGRAPHS: Final = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_IN_GENERAL: Final = frozenset({"for", "in", "with", "using", "für", "fuer", "mit", "para", "con", "pour", "avec", "per"})


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject that the learner's words name.

    Attributes:
        words: the words.
        topic: its topic of the catalogue, or None where the catalogue has none.
        remarks: what the plan says about the reading: a word that was corrected, a part that the lessons do not cover.
    """

    words: str
    topic: str | None
    remarks: tuple[str, ...] = ()


def subjects(wanted: str) -> list[Subject]:
    """The subjects that ``wanted`` names.

    A list ("Python and chess") is taken apart only where the catalogue has one of its parts and no phrase for the whole.
    """
    parts = [part for part in _SEPARATOR.split(wanted) if part]
    found = [_subject(part) for part in parts]
    names = [one.topic for one in found]
    is_list = 1 < len(parts) <= MAX_SUBJECTS and any(names) and len(set(names)) == len(names)
    if is_list and not _is_a_phrase(_subject_words(wanted)):
        return found
    return [_subject(wanted)]


def _subject(wanted: str) -> Subject:
    name = _matching(wanted)
    if name is not None:
        return Subject(wanted, name, _not_covered(wanted, name))
    related = _related(wanted)
    if related is not None:
        return related
    corrected, remarks = _corrected(wanted)
    if corrected != wanted and (name := _matching(corrected)) is not None:
        return Subject(corrected, name, (*remarks, *_not_covered(corrected, name)))
    if corrected != wanted and (related := _related(corrected)) is not None:
        return Subject(corrected, related.topic, (*remarks, *related.remarks))
    return Subject(wanted, None)


def _related(wanted: str) -> Subject | None:
    """The topic that what ``wanted`` names builds on."""
    name = _matching(wanted, related=True)
    if name is None:
        return None
    title = topic(name).title
    remark = (
        f"The catalogue has no lessons on “{named_subject(wanted)}” itself. This plan covers {title}, the nearest that it has."
    )
    return Subject(wanted, name, (remark,))


def _not_covered(wanted: str, name: str) -> tuple[str, ...]:
    """A remark on what follows the subject ("for biologists"), which the lessons do not speak of."""
    words = list(_WORD.finditer(wanted))
    folded = _subject_words(wanted)
    at = next((place for place, word in enumerate(words) if word.group().casefold() in _BOUNDARY and place), len(words))
    rest = [word.group().casefold() for word in words[at:]]
    if not rest or rest[0] not in _IN_GENERAL or _is_a_phrase(folded) or not set(rest[1:]) - _CLOSINGS - _OPENING_WORDS:
        return ()
    if any(character.isdigit() for word in rest for character in word):  # "in 30 days"
        return ()
    other = _matching(wanted[words[at].end() :])
    told = f"The lessons are on {topic(name).title} in general."
    if other is not None and other != name:
        return (f"{told} The catalogue has lessons on {topic(other).title} too: ask for both, joined by “and”.",)
    return (f"{told} Where a lesson lets you choose the material, choose it “{wanted[words[at].start() :]}”.",)


def _corrected(wanted: str) -> tuple[str, tuple[str, ...]]:
    """``wanted`` with misspelt words of its subject replaced by the catalogue's, and a remark on each."""
    remarks: list[str] = []
    pieces: list[str] = []
    at = 0
    for word in _WORD.finditer(wanted):
        if word.group().casefold() in _BOUNDARY and pieces:
            break
        near = _nearest(word.group().casefold())
        if near is not None:
            read = near.capitalize() if word.group()[0].isupper() else near
            pieces += [wanted[at : word.start()], read]
            at = word.end()
            remarks.append(f"“{word.group()}” was read as “{read}”.")
    return "".join([*pieces, wanted[at:]]), tuple(remarks)


@cache
def _vocabulary() -> tuple[str, ...]:
    phrases = [phrase for name in TOPICS for phrase in (*topic(name).phrases, *topic(name).related)]
    return tuple(dict.fromkeys(word for phrase in phrases for word in _WORD.findall(phrase) if len(word) >= _SHORTEST))


def _nearest(word: str) -> str | None:
    """The one word of the catalogue that ``word`` misspells; None where it is one of them, is short, or two are as near.

    Of the shortest words only the order of the letters may differ: "state" is not "stats".
    """
    if len(word) < _SHORTEST or word in _vocabulary() or _IDEOGRAPHS.search(word):
        return None
    allowed = 2 if len(word) >= 8 else 1
    near = [(distance, one) for one in _vocabulary() if (distance := _distance(word, one, allowed)) <= allowed]
    near = [(distance, one) for distance, one in near if len(one) > _SHORTEST or sorted(one) == sorted(word)]
    least = min((distance for distance, _ in near), default=None)
    best = [one for distance, one in near if distance == least]
    return best[0] if len(best) == 1 else None


def _distance(one: str, other: str, limit: int) -> int:
    """How many letters to add, drop, change or swap with the next (optimal string alignment); ``limit`` + 1 for more."""
    if abs(len(one) - len(other)) > limit or one[0] != other[0]:
        return limit + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, start=1):
        earlier, before, row = before, row, [i]
        for j, right in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return min(row[-1], limit + 1)


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


def _matching(wanted: str, *, related: bool = False) -> str | None:
    """The topic one of whose phrases stands at the head of the subject; the longest phrase wins."""
    words = _without_openings(wanted)
    boundary = next((at for at, word in enumerate(words) if word in _BOUNDARY), len(words))
    # With its closing words and without: "maschinelles lernen" is a phrase, "Python lernen" is Python.
    ends = {at for at, word in enumerate(words) if word in _BOUNDARY} | {len(words), len(_subject_words(wanted))}
    best: tuple[int, str] | None = None
    for name in TOPICS:
        for phrase in topic(name).related if related else topic(name).phrases:
            if _IDEOGRAPHS.search(phrase):  # written without spaces between words
                length = len(phrase) if phrase in wanted else 0
            else:
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


def _without_openings(wanted: str) -> list[str]:
    words = _WORD.findall(wanted.casefold())
    while opening := _opening(words):
        words = words[opening:]
    return words


def _subject_words(wanted: str) -> list[str]:
    words = _without_openings(wanted)
    while len(words) > 1 and words[-1] in _CLOSINGS:
        words = words[:-1]
    return words


def _opening(words: Sequence[str]) -> int:
    """How many of the first words only lead up to the subject; never all of them."""
    for phrase in _OPENING_PHRASES:
        if len(words) > len(phrase) and tuple(words[: len(phrase)]) == phrase:
            return len(phrase)
    return int(len(words) > 1 and words[0] in _OPENING_WORDS)
