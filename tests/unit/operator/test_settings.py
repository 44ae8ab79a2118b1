"""Does a wrong setting stop the program with one message that names the variable and shows no secret?"""

from __future__ import annotations

from pathlib import Path

import pytest

from regen_core.errors import SettingsInvalid
from regen_core.states import Caps
from regen_operator.settings import Settings, load_settings

URL = "postgresql://operator:hush@db/regen"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGEN_DATABASE_URL", URL)
    monkeypatch.setenv("REGEN_CLASSES_FILE", "/etc/regen/classes.yaml")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REGEN_DATABASE_URL", "mysql://x:hush@y"),
        ("REGEN_DATABASE_URL", "postgresql://x:100%hush@y/regen"),
        ("REGEN_DATABASE_URL", "password='hush"),
        ("REGEN_DATABASE_LISTEN_URL", "postgresql://x:100%hush@y/regen"),
        ("REGEN_DATABASE_LISTEN_URL", "hush"),
        ("REGEN_CAP_TOTAL", "many"),
        ("REGEN_CAP_TYPES", "{document: 5"),
        ("REGEN_CAP_TYPES", '{"document": -1}'),
        ("REGEN_CR_NAMESPACES", '["Not_A_Namespace"]'),
        ("REGEN_CR_NAMESPACES", "regen"),
        ("REGEN_POLL_SECONDS", "0"),
        ("REGEN_LEASE_SECONDS", "1"),
        ("REGEN_NAMESPACE", "UPPER"),
        ("REGEN_LOG_LEVEL", "loud"),
        ("REGEN_HEALTH_PORT", "70000"),
        ("REGEN_RUNNER_NAMESPACE", "regen"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as caught:
        load_settings()
    assert caught.value.message.startswith(name)
    assert "hush" not in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.__suppress_context__


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGEN_CLASSES_FILE")
    with pytest.raises(SettingsInvalid, match=r"^REGEN_CLASSES_FILE: required, but not set$"):
        load_settings()


def test_what_is_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGEN_CAP_TYPES", '{"document": 5}')
    monkeypatch.setenv("REGEN_CR_NAMESPACES", '["team-a", "regen"]')
    settings = load_settings()
    assert settings.caps == Caps(total=20, per_type={"document": 5}, per_requester=None)
    assert settings.listen_url == URL
    assert settings.mirrored_namespaces == ("regen", "team-a")
    assert settings.watched_namespaces == ("regen", "team-a", "regen-runs")
    assert settings.ingest_namespaces == {"team-a", "regen"}


def test_two_replicas_on_one_host_differ() -> None:
    assert load_settings().identity != load_settings().identity


def test_every_setting_is_documented_with_its_default() -> None:
    page = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| `REGEN_")]
    told = {cells[0].strip("`"): cells[2] for cells in rows}
    expected = {}
    for name, field in Settings.model_fields.items():
        variable = f"REGEN_{name.upper()}"
        if field.is_required():
            expected[variable] = "required"
        elif variable in {"REGEN_DATABASE_LISTEN_URL", "REGEN_IDENTITY", "REGEN_CAP_REQUESTER", "REGEN_CR_NAMESPACES"}:
            expected[variable] = told.get(variable, "")
        else:
            expected[variable] = f"`{field.get_default(call_default_factory=True)}`"
    assert told == expected
    assert all(cells[3] for cells in rows), "every default has its reason"
