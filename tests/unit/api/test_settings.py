"""Does a wrong setting stop the program with one message that names the variable and shows no secret?"""

from __future__ import annotations

from pathlib import Path

import pytest

from regen_api.settings import Settings, load_settings
from regen_core.errors import SettingsInvalid

URL = "postgresql://api:hush@db/regen"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGEN_DATABASE_URL", URL)
    monkeypatch.setenv("REGEN_OUTPUT_URL", "s3://bucket/prefix")
    monkeypatch.setenv("REGEN_OIDC_ISSUER", "https://login.example/realms/a")
    monkeypatch.setenv("REGEN_OIDC_AUDIENCE", "regen")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REGEN_ENV", "staging"),
        ("REGEN_DATABASE_URL", "mysql://x:hush@y"),
        ("REGEN_DATABASE_URL", "postgresql://x:100%hush@y/regen"),
        ("REGEN_DATABASE_URL", "password='hush"),
        ("REGEN_DATABASE_POOL_SIZE", "0"),
        ("REGEN_OUTPUT_URL", "https://bucket/hush"),
        ("REGEN_OIDC_ISSUER", "login.example"),
        ("REGEN_OIDC_ISSUER", "http://login.example"),
        ("REGEN_OIDC_DISCOVERY_URL", "http://login.example/x"),
        ("REGEN_OIDC_ALGORITHMS", '["HS256"]'),
        ("REGEN_OIDC_ALGORITHMS", '["none"]'),
        ("REGEN_OIDC_ALGORITHMS", "[]"),
        ("REGEN_OIDC_ALGORITHMS", "RS256"),
        ("REGEN_OIDC_LEEWAY_SECONDS", "3600"),
        ("REGEN_STATIC_KEY", "hush"),
        ("REGEN_STATIC_KEY", "hush hush hush hush"),
        ("REGEN_TIER_PRIORITIES", '{"free": "low"}'),
        ("REGEN_TIER_PRIORITIES", "{"),
        ("REGEN_PRIORITY_TOPICS", '[""]'),
        ("REGEN_MAX_BODY_BYTES", "1"),
        ("REGEN_RATE_LIMIT_PER_MINUTE", "-1"),
        ("REGEN_CORS_ORIGINS", '["*"]'),
        ("REGEN_CORS_ORIGINS", '["https://app.example/path"]'),
        ("REGEN_HTTP_PORT", "70000"),
        ("REGEN_LOG_LEVEL", "loud"),
        ("REGEN_CONSOLE_SECRET", "hush"),
        ("REGEN_CONSOLE_URL", "https://regen.example/admin"),
        ("REGEN_CONSOLE_SCOPES", '["profile"]'),
        ("REGEN_CONSOLE_SESSION_SECONDS", "1"),
        ("REGEN_RUNNER_NAMESPACE", "Runs"),
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


@pytest.mark.parametrize("name", ["REGEN_DATABASE_URL", "REGEN_OUTPUT_URL", "REGEN_OIDC_ISSUER", "REGEN_OIDC_AUDIENCE"])
def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(SettingsInvalid, match=f"^{name}: expected .*got none$"):
        load_settings()


def test_the_discovery_document_follows_from_the_issuer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().discovery_url == "https://login.example/realms/a/.well-known/openid-configuration"
    monkeypatch.setenv("REGEN_OIDC_DISCOVERY_URL", "https://internal.example/metadata")
    assert load_settings().discovery_url == "https://internal.example/metadata"


@pytest.mark.parametrize("url", [None, "http://regen.example"])
def test_a_console_in_production_needs_its_public_https_address(monkeypatch: pytest.MonkeyPatch, url: str | None) -> None:
    monkeypatch.setenv("REGEN_CONSOLE_SECRET", "hush " * 10)
    if url is not None:
        monkeypatch.setenv("REGEN_CONSOLE_URL", url)
    with pytest.raises(SettingsInvalid, match=r"^REGEN_CONSOLE_URL: expected ") as caught:
        load_settings()
    assert "hush" not in caught.value.message


def test_every_setting_is_documented_with_its_default() -> None:
    page = (Path(__file__).parents[3] / "docs" / "configuration-api.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| `REGEN_")]
    told = {cells[0].strip("`"): cells[2] for cells in rows}
    special = {
        "REGEN_TIER_PRIORITIES": '`{"free": 0, "starter": 10, "pro": 20}`',
        "REGEN_PRIORITY_TOPICS": '`["interview prep"]`',
        "REGEN_OIDC_ALGORITHMS": '`["RS256", "ES256"]`',
        "REGEN_CORS_ORIGINS": "`[]`",
        "REGEN_CONSOLE_SCOPES": '`["openid"]`',
    }
    expected = {}
    for name, field in Settings.model_fields.items():
        variable = f"REGEN_{name.upper()}"
        if field.is_required():
            expected[variable] = "required"
        elif variable in special:
            expected[variable] = special[variable]
        elif (default := field.get_default(call_default_factory=True)) is None:
            expected[variable] = "none"
        else:
            expected[variable] = f"`{default}`"
    assert told == expected
    assert all(cells[3] for cells in rows), "every default has its reason"
