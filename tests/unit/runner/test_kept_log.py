"""Does a kept log have its two ends, no secret, and nothing that steers a terminal, however it was made?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regen_runner.execute.kept_log import HEAD_BYTES, MAX_KEPT_BYTES, TAIL_BYTES, KeptLog
from regen_runner.execute.scrubbing import HIDDEN, forms, scrub

SECRET = "s3cr3t/of the+class"


def kept(*pieces: bytes, **environ: str) -> str:
    log = KeptLog()
    for piece in pieces:
        log.add(piece)
    return log.content(environ).decode()


def test_a_short_log_is_kept_whole_whatever_its_pieces() -> None:
    assert kept(b"one\n", b"tw", b"o\n\tthree\n") == "one\ntwo\n\tthree\n"
    assert kept() == ""


def test_of_a_long_log_both_ends_are_kept_in_whole_lines() -> None:
    lines = [f"line {number}\n".encode() for number in range(200_000)]
    text = kept(*lines)
    assert len(text) <= MAX_KEPT_BYTES
    assert text.startswith("line 0\nline 1\n")
    assert text.endswith("line 199998\nline 199999\n")
    head, between, tail = text.partition("[regen] ")
    said = int(between and tail.split()[0])
    rest = tail.partition("left out here\n")[2]
    assert said == sum(map(len, lines)) - len(head.removesuffix("\n").encode()) - len(rest.encode())
    assert all(line.startswith("line ") for line in (head + rest).splitlines() if line)


def test_a_line_without_an_end_is_cut_and_bounded() -> None:
    text = kept(b"x" * (3 * MAX_KEPT_BYTES))
    assert HEAD_BYTES + TAIL_BYTES <= len(text) <= MAX_KEPT_BYTES


@pytest.mark.parametrize("shift", range(0, len(SECRET) + 1, 3))
def test_no_part_of_a_secret_is_left_at_a_cut(shift: int) -> None:
    head = b"x" * (HEAD_BYTES - shift) + SECRET.encode()
    text = kept(head, b"y" * MAX_KEPT_BYTES, SECRET.encode() + b"z" * (TAIL_BYTES - shift), EXECUTOR_KEY=SECRET)
    assert all(SECRET[:size] not in text and SECRET[-size:] not in text for size in (3, len(SECRET)))


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (f"key is {SECRET}!", f"key is {HIDDEN}!"),
        ("at s3cr3t/of%20the%2Bclass or s3cr3t%2Fof%20the%2Bclass.", f"at {HIDDEN} or {HIDDEN}."),
        ("postgresql://ada:hunter22@db.example/regen", f"postgresql://{HIDDEN}@db.example/regen"),
        ("Authorization: Bearer abc.def-ghi", f"Authorization: Bearer {HIDDEN}"),
        ('{"authorization": "Basic YTpi"}', f'{{"authorization": "Basic {HIDDEN}"}}'),
        ("password=hunter22&x=1", f"password={HIDDEN}&x=1"),
        ("api-key: 12345, next", f"api-key: {HIDDEN}, next"),
        ("AKIAIOSFODNN7EXAMPLE", HIDDEN),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", HIDDEN),
        ("a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb", f"a\n{HIDDEN}\nb"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", HIDDEN),
        ("\x1b[31mred\x1b[0m\r\n", "red\n"),
        ("\x1b]0;title\x07 \x00 \u202eevil", "?]0;title? ? ?evil"),
        ("a token of thanks, and the secretary's passwords", "a token of thanks, and the secretary's passwords"),
        ("naïve quotes, 你好\n", "naïve quotes, 你好\n"),
    ],
)
def test_what_is_hidden_and_what_is_not(said: str, left: str) -> None:
    # The end is padded, since a text never gets longer.
    assert kept(said.encode() + b" " * 40, EXECUTOR_KEY=SECRET, PATH="/a/path/that/is/none").rstrip(" ") == left


def test_a_short_value_hides_nothing() -> None:
    assert kept(b"use 1 and yes", EXECUTOR_FLAG="yes", EXECUTOR_COUNT="1") == "use 1 and yes"


@given(st.binary(max_size=2000), st.lists(st.text(max_size=30), max_size=3))
def test_any_bytes_become_plain_text_that_is_no_longer(content: bytes, secrets: list[str]) -> None:
    known = forms(secrets)
    text = scrub(content, known).decode("utf-8", "replace")
    assert len(scrub(content, known)) <= len(content)
    assert not {one for one in text if one < " "} - {"\n", "\t"}
