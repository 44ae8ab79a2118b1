"""Is every name one that Kubernetes and the store accept, and of one job only?"""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from regen_core.names import artifact_key, is_artifact_name, is_type, job_name, label_value

DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
ids = st.one_of(st.text(min_size=1, max_size=200), st.text("abcxyz0123456789-", min_size=1, max_size=80))


@given(ids)
def test_a_jobs_name_is_a_dns_label(job_id: str) -> None:
    assert DNS_LABEL.fullmatch(job_name(job_id))


@given(ids)
def test_a_jobs_label_is_a_label_value(job_id: str) -> None:
    assert LABEL_VALUE.fullmatch(label_value(job_id))


@given(ids, ids)
def test_two_jobs_have_two_names(one: str, other: str) -> None:
    assert (job_name(one) == job_name(other)) == (one == other)


def test_a_cuid_and_a_uuid_are_their_own_names() -> None:
    assert job_name("clh3k2p0x0000qz8r1a2b3c4d") == "regen-clh3k2p0x0000qz8r1a2b3c4d"
    assert job_name("0b0e7f4c-7d8e-4a53-9c55-6a4b9a2b8f10") == "regen-0b0e7f4c-7d8e-4a53-9c55-6a4b9a2b8f10"


def test_an_id_that_is_no_label_is_hashed() -> None:
    assert job_name("A_b") == "regen-08eb65adb1a856b8d5792cbcb62b9f3c1d09557f"


@given(st.text(max_size=80))
def test_a_type_is_what_the_contract_says(text: str) -> None:
    assert is_type(text) == bool(re.fullmatch(r"[a-z][a-z0-9_]{0,62}", text))


@given(st.text(max_size=140))
def test_an_artifact_name_stays_in_its_folder(text: str) -> None:
    if is_artifact_name(text):
        key = artifact_key("document", "j", text)
        assert key.split("/") == ["document", "j", text]
        assert text not in {".", "..", "manifest.json"}
        assert text.isascii()


def test_reserved_and_hidden_names_are_no_artifacts() -> None:
    assert [
        name
        for name in ("manifest.json", "provenance.intoto.jsonl", "executor.log", ".hidden", "", "a/b", "a\n", "..")
        if is_artifact_name(name)
    ] == []
    assert [name for name in ("a", "a.pdf", "A-1_b.c") if not is_artifact_name(name)] == []
