"""Does a form make the job that was typed, once, or say what is wrong and keep what was typed?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from regen_executors.asset.inputs import AssetInputs
from tests.console.conftest import csrf, signed_in
from tests.console.seed import Seeded, seed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx
    import psycopg

    from tests.console.conftest import Open, Start

IDS = Seeded()


@pytest.fixture
def client(start: Start) -> Iterator[httpx.Client]:
    with signed_in(start()) as client:
        yield client


def rows(superuser: psycopg.Connection[Any]) -> list[Any]:
    return superuser.execute("""SELECT type, "instructionJson"->'inputs', priority FROM "RegenerationJob" """).fetchall()


def key_of(page: str) -> str:
    found = re.search(r'name="key" value="([0-9a-f]{32})"', page)
    assert found is not None
    return found[1]


def test_a_form_that_is_sent_twice_makes_one_job(client: httpx.Client, superuser: psycopg.Connection[Any]) -> None:
    page = client.get("/admin/new?type=export").text
    form = {
        "csrf": csrf(page),
        "key": key_of(page),
        "form": "export",
        "in.rows": '[{"a": 1}]',
        "in.formats": ["csv"],
        "priority": "4",
    }
    answers = [client.post("/admin/new", data=form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert rows(superuser) == [("export", {"rows": [{"a": 1}], "formats": ["csv"]}, 4)]


def test_the_same_key_with_other_content_is_refused(client: httpx.Client, superuser: psycopg.Connection[Any]) -> None:
    form = {"csrf": csrf(client.get("/admin/new").text), "key": "a" * 32, "form": "json", "type": "document", "inputs": "{}"}
    assert client.post("/admin/new", data=form).status_code == 303
    assert client.post("/admin/new", data=form | {"inputs": '{"a": 1}'}).status_code == 409
    assert len(rows(superuser)) == 1


def test_what_was_typed_stays_and_is_text(client: httpx.Client, superuser: psycopg.Connection[Any]) -> None:
    markup = '<script>alert("x")</script>&amp;'
    form = {"csrf": csrf(client.get("/admin/new").text), "form": "document", "in.title": "", "in.markdown": markup}
    answer = client.post("/admin/new", data=form)
    assert answer.status_code == 400
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;&amp;amp;" in answer.text
    assert "<script>" not in answer.text
    assert '<a href="#in.title">Title</a>: expected a value' in answer.text
    assert rows(superuser) == []


@pytest.mark.parametrize(
    "inputs", ['{"a": "\\u0000"}', '{"a": "\\ud800"}', '{"a": 1e999}', '{"\\u0000": 1}', '{"a": 12345678901234567890123}']
)
def test_what_no_database_can_hold_is_refused_at_its_field(
    client: httpx.Client, superuser: psycopg.Connection[Any], inputs: str
) -> None:
    form = {"csrf": csrf(client.get("/admin/new").text), "form": "json", "type": "document", "inputs": inputs}
    answer = client.post("/admin/new", data=form)
    assert answer.status_code == 400
    assert 'id="inputs-error"' in answer.text
    assert rows(superuser) == []


@pytest.mark.parametrize("body", [b"", b"%", b"a=%ff", b"&".join(b"a=1" for _ in range(500)), b'{"csrf": "x"}'])
def test_a_body_that_is_no_form_of_ours_is_refused(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/admin/new", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code in {400, 403}
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_job_can_be_changed_before_it_is_triggered_again(
    client: httpx.Client, superuser: psycopg.Connection[Any], outputs: Path
) -> None:
    seed(superuser, outputs)
    page = client.get(f"/admin/new?like={IDS.failed}").text
    assert 'name="in.title" type="text" value="Third edition"' in page
    assert f'name="retryOf" type="text" value="{IDS.failed}"' in page
    form = {
        "csrf": csrf(page),
        "key": key_of(page),
        "form": "document",
        "in.title": "Third edition",
        "in.template": "{{ title }}",
        "in.data": '{"title": "x"}',
        "in.formats": ["html"],
        "retryOf": IDS.failed,
    }
    made = client.post("/admin/new", data=form)
    assert made.status_code == 303
    row = superuser.execute(
        """SELECT "retryOf", "instructionJson"->'inputs'->>'template' FROM "RegenerationJob" WHERE id = %s""",
        (made.headers["Location"].rpartition("/")[2],),
    ).fetchone()
    assert row == (IDS.failed, "{{ title }}")


def test_a_running_job_is_no_job_to_repeat(client: httpx.Client, superuser: psycopg.Connection[Any], outputs: Path) -> None:
    seed(superuser, outputs)
    form = {"csrf": csrf(client.get("/admin/new").text), "form": "json", "type": "a", "inputs": "{}", "retryOf": IDS.running}
    answer = client.post("/admin/new", data=form)
    assert answer.status_code == 400
    assert "expected the id of a job that has ended" in answer.text


def test_pages_hold_every_job_once(client: httpx.Client, superuser: psycopg.Connection[Any], outputs: Path) -> None:
    for number in range(120):
        superuser.execute(
            """INSERT INTO "RegenerationJob" (id, "instructionJson")
               VALUES (%s, '{"type": "a", "version": 1, "inputs": {}}')""",
            (f"job{number}",),
        )
    address, seen = "/admin?status=PENDING&type=a", []
    while True:
        page = client.get(address).text
        seen += re.findall(r'id="job-(job\d+)"', page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        if older is None:
            break
        address = older[1].replace("&amp;", "&")
    assert len(seen) == 120
    assert len(set(seen)) == 120
    assert client.get("/admin?cursor=nonsense").status_code == 400
    assert client.get("/admin?status=NONE").status_code == 400


def test_an_image_is_described_in_the_browser(
    start: Start, open_window: Open, superuser: psycopg.Connection[Any], outputs: Path
) -> None:
    page = open_window(start())
    page.goto("/admin/new?type=asset")
    page.get_by_label("File name").fill("photo.jpg")
    page.get_by_label("Address").fill("s3://bucket/a(1)/photo.jpg?version=2")
    page.get_by_label("SHA-256").fill("0" * 64)
    first = page.get_by_role("group", name="Rendition 1")
    first.get_by_label("Name").fill("thumb")
    first.get_by_label("Format").select_option("webp")
    first.get_by_label("Width").fill("200")
    page.get_by_text("Rendition 2").click()
    second = page.get_by_role("group", name="Rendition 2")
    second.get_by_label("Name").fill("full")
    page.get_by_role("button", name="Make the job").click()
    page.get_by_role("alert").get_by_text("expected a value").wait_for()
    assert page.locator("details[open]").count() == 1
    page.get_by_role("link", name="Rendition 2: Format").click()
    second.get_by_label("Format").select_option("png")
    page.get_by_role("button", name="Make the job").click()
    page.get_by_role("heading", name="Why it waits").wait_for()
    row = superuser.execute("""SELECT "instructionJson" FROM "RegenerationJob" """).fetchone()
    assert row is not None
    AssetInputs.model_validate(row[0]["inputs"])
    assert row[0]["inputs"]["renditions"] == [
        {"name": "thumb", "format": "webp", "width": 200},
        {"name": "full", "format": "png"},
    ]
    assert row[0]["sources"] == [{"name": "photo.jpg", "uri": "s3://bucket/a(1)/photo.jpg?version=2", "sha256": "0" * 64}]
    page.goto(f"/admin/new?like={page.url.rpartition('/')[2]}")
    assert page.get_by_role("group", name="Rendition 2").get_by_label("Name").input_value() == "full"
