"""Has every alert its runbook, every runbook its alert, and every page what somebody needs who was woken by it?"""

from __future__ import annotations

import pytest
import yaml

from tests.repo.runbooks import FOLDER, PAGES, commands, sections

RULES = FOLDER.parents[1] / "charts" / "regen" / "alerts.yaml"
ALERTS = {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
HEADINGS = [
    "First three commands",
    "Likely causes, the most frequent first",
    "Restart safely",
    "The audit of a job",
    "When to wake someone else",
]


def test_alerts_and_pages_belong_together() -> None:
    assert len(ALERTS) >= 11
    assert PAGES.keys() == ALERTS.keys()


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_links_to_its_page(name: str) -> None:
    assert ALERTS[name]["annotations"]["runbook_url"] == f"RUNBOOKS/{name}.md"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_its_parts(name: str) -> None:
    text = PAGES[name]
    assert text.startswith(f"# {name}\n\n**Means.** ")
    found = sections(text)
    assert list(found) == HEADINGS
    assert len(commands(found["First three commands"])) == 3
    assert found["Likely causes, the most frequent first"].count("**") >= 6, "three causes at least"
    assert commands(found["Restart safely"])
    assert any(line.startswith("regen events") for line in commands(found["The audit of a job"]))
    assert len(found["When to wake someone else"].strip()) > 40


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_sends_you_on_names_a_page(name: str) -> None:
    named = {word.strip(".,:;()*") for word in PAGES[name].split() if word.strip(".,:;()*").startswith("Regen")}
    assert named <= PAGES.keys()
