"""Does every reference to a rule, decision, page, section or file resolve inside the repository?"""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "docs" / "rules.md"
TEXTS = {".py", ".sql", ".md", ".toml", ".yaml", ".yml", ".tpl", ".txt", ".sh", ".html", ".js", ".css", ""}
FOLDERS = "api|charts|cli|crds|docs|examples|executors|libs|operator|runner|tests|tools"
RULE = re.compile(r"\b[Rr]ules? (R\d+)")
DECISION = re.compile(r"\b[Dd]ecision (\d+)")
PAGE = re.compile(r"(?<![\w/.-])docs/([\w/.-]+\.md)(?:#([\w-]+))?")
FILE = re.compile(rf"`((?:{FOLDERS})/[\w./-]+)`")
SECTION = re.compile(r"(.{0,60})\bsections? \d", re.DOTALL)
STANDARD = re.compile(r"RFC|OpenID|Discovery|CommonMark|Connect Core|Tutorial|Reference")
"""A numbered section is one of a published standard, named just before it."""


def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=30)
    paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    skipped = (ROOT / "requirements", Path(__file__))
    return [path for path in paths if path.suffix in TEXTS and path.is_file() and not any(map(path.is_relative_to, skipped))]


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def page_resolves(name: str, anchor: str) -> bool:
    page = ROOT / "docs" / name
    return page.is_file() and (not anchor or anchor in anchors(page))


def unresolved(text: str) -> list[str]:
    """The references in a text that lead nowhere."""
    rules = set(re.findall(r"^## (R\d+)\. ", RULES.read_text(encoding="utf-8"), flags=re.MULTILINE))
    decisions = {int(path.stem[:4]) for path in (ROOT / "docs" / "decisions").glob("*.md")}
    found = [f"rule {name}" for name in RULE.findall(text) if name not in rules]
    found += [f"decision {number}" for number in DECISION.findall(text) if int(number) not in decisions]
    found += [f"docs/{name}#{anchor}" for name, anchor in PAGE.findall(text) if not page_resolves(name, anchor)]
    found += [match[0].strip() for match in SECTION.finditer(text) if not STANDARD.search(match[1])]
    return found


@pytest.mark.parametrize(
    "text",
    [
        "rule R99",
        "decision 99",
        "docs/gone.md",
        "docs/rules.md#gone",
        "see " + "contract " + "section 3",
    ],
)
def test_a_reference_that_leads_nowhere_is_found(text: str) -> None:
    assert unresolved(text) != []


@pytest.mark.parametrize(
    "text", ["rule R13", "decision 12", "docs/rules.md#r7-regen-never-retries-a-job", "RFC 9110, section 13"]
)
def test_a_reference_that_resolves_is_not(text: str) -> None:
    assert unresolved(text) == []


def test_every_reference_resolves() -> None:
    found = {str(path.relative_to(ROOT)): lost for path in tracked() if (lost := unresolved(path.read_text(errors="ignore")))}
    assert found == {}


def test_every_file_that_a_page_names_exists() -> None:
    pages = [path for path in tracked() if path.suffix == ".md"]
    found = {
        f"{page.relative_to(ROOT)}: {name}"
        for page in pages
        for name in FILE.findall(page.read_text(encoding="utf-8"))
        if not (ROOT / name).exists()
    }
    assert found == set()


def test_every_rule_names_its_places_and_its_test() -> None:
    sections = re.split(r"^## (R\d+)\. .+$", RULES.read_text(encoding="utf-8"), flags=re.MULTILINE)
    rules = dict(zip(sections[1::2], sections[2::2], strict=True))
    assert list(rules) == [f"R{number}" for number in range(1, 14)]
    assert [name for name, text in rules.items() if "- Enforced by: " not in text or "- Proven by: `tests/" not in text] == []


def test_every_function_that_the_rules_name_exists() -> None:
    sql = "\n".join(path.read_text() for path in (ROOT / "libs" / "regen_schema" / "sql").rglob("*.sql"))
    named = set(re.findall(r"`(regen_[a-z_]+(?:_v\d+)?)`", RULES.read_text(encoding="utf-8")))
    assert len(named) > 8
    assert [name for name in named if f"FUNCTION public.{name}(" not in sql and f"FUNCTION regen.{name}(" not in sql] == []
