"""Is an output shown only as what cannot harm whoever looks, and only when its bytes are those that were published?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from regen_api.console.previews import MAX_LOG_BYTES
from tests.console.conftest import signed_in
from tests.console.pictures import sees_pdf
from tests.console.seed import CSV, Seeded, add, pdf, png, seed, store
from tests.integration.database.jobs import claim, complete
from tests.integration.database.jobs import start as take_fence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx
    import psycopg

    from tests.console.conftest import Open, Start

IDS = Seeded()
HOSTILE = b"<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"


@pytest.fixture
def client(start: Start) -> Iterator[httpx.Client]:
    with signed_in(start()) as client:
        yield client


def publish(superuser: psycopg.Connection[Any], outputs: Path, name: str, content: bytes, media_type: str) -> str:
    """A COMPLETED job with one output; its page's path to it."""
    add(superuser, "one", {"title": "<b>bold</b>"})
    claim(superuser)
    take_fence(superuser, "one")
    manifest = store(outputs, "one", "manifest.json", b"{}", "application/json")["ref"]
    assert complete(superuser, "one", ref=manifest, outputs=[store(outputs, "one", name, content, media_type)]) == "completed"
    return f"/admin/jobs/one/outputs/{name}"


def test_every_kind_is_shown_as_itself(client: httpx.Client, superuser: psycopg.Connection[Any], outputs: Path) -> None:
    seed(superuser, outputs)
    base = f"/admin/jobs/{IDS.completed}/outputs"
    table = client.get(f"{base}/cities.csv/preview").text
    assert '<th scope="col">country</th>' in table
    assert '<td class="cut">Bergen</td>' in table
    assert "\n  &#34;topic&#34;: &#34;Interview prep&#34;" in client.get(f"{base}/plan.json/preview").text
    assert "The **third** edition" in client.get(f"{base}/notes.md/preview").text
    assert f'<img src="{base}/cover.png"' in client.get(f"{base}/cover.png/preview").text
    assert f'data="/admin/jobs/{IDS.completed}/shown/print.pdf"' in client.get(f"{base}/print.pdf/preview").text
    assert client.get(f"{base}/print.pdf").content.startswith(b"%PDF")


def test_a_download_is_the_bytes_as_an_attachment(
    client: httpx.Client, superuser: psycopg.Connection[Any], outputs: Path
) -> None:
    seed(superuser, outputs)
    answer = client.get(f"/admin/jobs/{IDS.completed}/outputs/cities.csv")
    assert answer.content == CSV.encode()
    assert answer.headers["Content-Disposition"] == 'attachment; filename="cities.csv"'
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("a.html", "text/html"), ("a.csv", "text/csv"), ("a.json", "application/json"), ("a.svg", "image/svg+xml")],
)
def test_a_hostile_output_does_nothing(
    start: Start, open_window: Open, superuser: psycopg.Connection[Any], outputs: Path, *, name: str, media_type: str
) -> None:
    path = publish(superuser, outputs, name, HOSTILE, media_type)
    page = open_window(start())
    page.goto(f"{path}/preview")
    page.get_by_role("heading", name=name).wait_for()
    assert page.title() == f"{name} · regen"
    assert page.locator("main script, main img[onerror]").count() == 0


def test_a_picture_is_seen(start: Start, open_window: Open, superuser: psycopg.Connection[Any], outputs: Path) -> None:
    path = publish(superuser, outputs, "a.png", png(30, 20), "image/png")
    page = open_window(start())
    page.goto(f"{path}/preview")
    size = page.get_by_role("img", name="The output a.png").evaluate("e => [e.naturalWidth, e.naturalHeight]")
    assert size == [30, 20]


def test_a_pdf_is_seen(start: Start, open_window: Open, superuser: psycopg.Connection[Any], outputs: Path) -> None:
    path = publish(superuser, outputs, "a.pdf", pdf(), "application/pdf")
    page = open_window(start())
    page.goto(f"{path}/preview")
    if not sees_pdf(page):
        pytest.skip("not proven here: this chromium has no PDF viewer")


def test_only_a_pdf_is_shown_in_a_frame_and_only_in_ours(
    client: httpx.Client, superuser: psycopg.Connection[Any], outputs: Path
) -> None:
    seed(superuser, outputs)
    base = f"/admin/jobs/{IDS.completed}/outputs"
    shown = f"/admin/jobs/{IDS.completed}/shown"
    answer = client.get(f"{shown}/print.pdf")
    assert answer.content == pdf()
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'; frame-ancestors 'self'"
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for name in ("notes.md", "cover.png", "plan.json", "manifest.json", "none.pdf"):
        assert client.get(f"{shown}/{name}").status_code == 404
    for page in (f"{base}/cover.png/preview", f"/admin/jobs/{IDS.completed}", "/admin"):
        assert "frame-src" not in client.get(page).headers["Content-Security-Policy"]
    assert "object-src 'self'; frame-src 'self'; " in client.get(f"{base}/print.pdf/preview").headers["Content-Security-Policy"]


def test_a_pdf_that_is_none_does_nothing(
    start: Start, open_window: Open, superuser: psycopg.Connection[Any], outputs: Path
) -> None:
    path = publish(superuser, outputs, "a.pdf", HOSTILE, "application/pdf; charset=utf-8")
    page = open_window(start())
    with page.expect_response("**/admin/jobs/one/shown/a.pdf") as answer:
        page.goto(f"{path}/preview")
    assert answer.value.headers["content-type"] == "application/pdf"
    page.get_by_role("heading", name="a.pdf").wait_for()
    assert page.title() == "a.pdf · regen"
    assert all("taken" not in frame.title() for frame in page.frames)


def test_what_was_swapped_in_the_store_is_not_shown(
    client: httpx.Client, superuser: psycopg.Connection[Any], outputs: Path
) -> None:
    path = publish(superuser, outputs, "a.md", b"right", "text/markdown")
    outputs.joinpath("document/one/a.md").write_bytes(b"wrong")
    answer = client.get(f"{path}/preview")
    assert answer.status_code == 502
    assert "wrong" not in answer.text.replace("went wrong", "")


def test_an_instruction_is_text(client: httpx.Client, superuser: psycopg.Connection[Any], outputs: Path) -> None:
    publish(superuser, outputs, "a.md", b"right", "text/markdown")
    page = client.get("/admin/jobs/one").text
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>bold" not in page


def test_kubectl_lines_name_the_job(client: httpx.Client, superuser: psycopg.Connection[Any], outputs: Path) -> None:
    publish(superuser, outputs, "a.md", b"right", "text/markdown")
    page = client.get("/admin/jobs/one").text
    assert '<span class="nowrap">regeneration.dev/job-id=one</span>' in page
    assert '<span class="nowrap">job/regen-one</span>' in page


def test_the_log_of_a_failed_job_is_shown_as_text(
    client: httpx.Client, superuser: psycopg.Connection[Any], outputs: Path
) -> None:
    seed(superuser, outputs)
    path = f"/admin/jobs/{IDS.failed}"
    assert f'href="{path}/log"' in client.get(path).text
    assert "Nothing was kept" in client.get(f"{path}/log").text
    store(outputs, IDS.failed, "executor.log", HOSTILE, "text/plain")
    page = client.get(f"{path}/log").text
    assert "&lt;script&gt;document.title" in page
    assert "<script>document" not in page
    raw = client.get(f"{path}/log/raw")
    assert (raw.content, raw.headers["Content-Type"]) == (HOSTILE, "text/plain; charset=utf-8")
    store(outputs, IDS.failed, "executor.log", b"x" * (MAX_LOG_BYTES + 1), "text/plain")
    assert "Nothing was kept" in client.get(f"{path}/log").text
    assert f'href="/admin/jobs/{IDS.waiting}/log"' not in client.get(f"/admin/jobs/{IDS.waiting}").text
