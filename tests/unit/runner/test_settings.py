"""Does a wrong setting stop the program with a message that names it and shows no secret?"""

from __future__ import annotations

from pathlib import Path

import pytest

from regen_core.errors import SettingsInvalid
from regen_runner.database import RunnerDatabase
from regen_runner.settings import PrepareSettings, PublishSettings
from regen_runner.source_policy import SourcePolicy

PREPARE = {
    "REGEN_JOB_ID": "job-1",
    "REGEN_POD_UID": "uid",
    "REGEN_POD_NAME": "pod",
    "REGEN_DATABASE_URL": "postgresql://runner:hunter2@db/regen",
    "REGEN_IN_DIR": "/in",
    "REGEN_TRUST_DIR": "/trust",
    "REGEN_OUTPUT_URL": "s3://regen/outputs",
    "REGEN_ACTIVE_DEADLINE_SECONDS": "600",
}
PUBLISH = {
    "REGEN_JOB_ID": "job-1",
    "REGEN_DATABASE_URL": "postgresql://runner:hunter2@db/regen",
    "REGEN_OUTPUT_URL": "s3://regen/outputs",
    "REGEN_IN_DIR": "/in",
    "REGEN_OUT_DIR": "/out",
    "REGEN_RESULT_DIR": "/result",
    "REGEN_TRUST_DIR": "/trust",
    "REGEN_ACTIVE_DEADLINE_SECONDS": "600",
}
PROGRAMS = pytest.mark.parametrize(("program", "good"), [(PrepareSettings, PREPARE), (PublishSettings, PUBLISH)])


def test_that_prepare_has_defaults_for_what_may_be_left_out() -> None:
    settings = PrepareSettings.from_environment(PREPARE)
    assert settings.max_source_bytes == 1 << 30
    assert settings.source_policy == SourcePolicy(settings.source_policy.output_url)
    assert settings.termination_log == Path("/dev/termination-log")


def test_that_publish_has_defaults_for_what_may_be_left_out() -> None:
    settings = PublishSettings.from_environment(PUBLISH)
    assert (settings.max_output_bytes, settings.max_outputs, settings.grace_seconds) == (1 << 30, 64, 30)
    assert settings.reproducible is True


@PROGRAMS
def test_that_every_required_variable_is_named_when_it_is_missing_or_empty(
    program: type[PrepareSettings | PublishSettings], good: dict[str, str]
) -> None:
    for name in good:
        for value in ({}, {name: ""}):
            environment = {key: text for key, text in good.items() if key != name} | value
            with pytest.raises(SettingsInvalid, match=f"^{name}: expected"):
                program.from_environment(environment)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("REGEN_ACTIVE_DEADLINE_SECONDS", "soon", "a whole number from 1 to 2592000, got another text"),
        ("REGEN_ACTIVE_DEADLINE_SECONDS", "0", "a whole number from 1 to 2592000, got 0"),
        ("REGEN_ACTIVE_DEADLINE_SECONDS", "-1", "a whole number"),
        ("REGEN_ACTIVE_DEADLINE_SECONDS", "٣", "a whole number"),
        ("REGEN_ACTIVE_DEADLINE_SECONDS", "9" * 5000, "a whole number"),
        ("REGEN_MAX_OUTPUT_BYTES", str(5 * (1 << 30) + 1), "a whole number from 1 to 5368709120"),
        ("REGEN_MAX_OUTPUTS", "0", "a whole number from 1 to 1024"),
        ("REGEN_REPRODUCIBLE", "yes", "true or false"),
        ("REGEN_BUILDER_ID", "http://[hunter2", "a URI such as https://example.com/regen, got another text"),
        ("REGEN_IN_DIR", "in", "an absolute path, got a relative one"),
        ("REGEN_DATABASE_URL", "mysql://runner:hunter2@db/regen", "a URL that begins with postgresql://"),
        ("REGEN_DATABASE_URL", "postgresql://[runner:hunter2@db/regen", "a URL that begins with postgresql://"),
    ],
)
def test_that_a_wrong_value_is_named_with_what_was_expected(name: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        PublishSettings.from_environment(PUBLISH | {name: value})
    assert caught.value.message.startswith(f"{name}: expected {expected}")
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    "url", ["postgresql://runner:hunter2@db/regen?no_such_option=1", "postgresql://runner:hunter2\udcff@db/regen"]
)
def test_that_a_database_url_which_libpq_cannot_read_is_named_without_its_text(url: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"^REGEN_DATABASE_URL: expected a libpq connection string") as caught:
        RunnerDatabase(url, "test")
    assert "hunter2" not in caught.value.message
    assert caught.value.__suppress_context__
