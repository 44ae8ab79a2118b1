"""Is a session only what we signed, for whom, and for as long as it should be; and is a form only taken from our own page?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import pytest

from tests.console.conftest import KEY, csrf, signed_in

if TYPE_CHECKING:
    import psycopg

    from tests.console.conftest import Start
    from tests.console.identity_provider import LoginProvider

PAGES = [
    "/admin",
    "/admin/new",
    "/admin/plans",
    "/admin/jobs/a",
    "/admin/jobs/a/again",
    "/admin/jobs/a/outputs/b",
    "/admin/nowhere",
]
NEW = {"form": "json", "type": "document", "inputs": "{}"}


@pytest.fixture
def url(start: Start) -> str:
    return start()


def jobs(superuser: psycopg.Connection[Any]) -> int:
    row = superuser.execute('SELECT count(*) FROM "RegenerationJob"').fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("cookie", ["", "nonsense", "eyJzdWJqZWN0Ijoicm9vdCJ9.c2lnbmF0dXJl"])
def test_without_a_session_every_page_leads_to_the_login(url: str, cookie: str) -> None:
    with httpx.Client(base_url=url, cookies={"regen-console": cookie} if cookie else None, trust_env=False) as client:
        for page in PAGES:
            answer = client.get(page)
            assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/admin/login"), page
        assert client.post("/admin/new", data=NEW).headers["Location"] == "/admin/login"


def test_the_cookie_is_for_this_server_alone(url: str) -> None:
    with httpx.Client(base_url=url, trust_env=False) as client:
        token = csrf(client.get("/admin/login").text)
        answer = client.post("/admin/login", data={"csrf": token, "token": KEY})
    cookies = [value for name, value in answer.headers.multi_items() if name == "set-cookie"]
    written = next(value for value in cookies if value.startswith("regen-console="))
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(written.split("; "))
    assert KEY not in written


def test_over_tls_the_cookie_is_bound_to_its_host(start: Start) -> None:
    with httpx.Client(base_url=start(console_url="https://regen.example"), trust_env=False) as client:
        written = client.get("/admin/login").headers["Set-Cookie"]
    assert written.startswith("__Host-regen-console-login=")
    assert {"Secure", "HttpOnly", "Path=/"} <= set(written.split("; "))


def test_a_wrong_token_is_refused_in_words(url: str) -> None:
    with httpx.Client(base_url=url, trust_env=False) as client:
        answer = client.post("/admin/login", data={"csrf": csrf(client.get("/admin/login").text), "token": "wrong"})
        assert answer.status_code == 401
        assert "The key is not the one of this process." in answer.text
        assert client.get("/admin").status_code == 303


def test_a_session_does_not_outlive_its_token(with_provider: str, login_provider: LoginProvider) -> None:
    token = login_provider.token(sub="ada", roles=["regen-admin"], exp=int(time.time()) + 90)
    with httpx.Client(base_url=with_provider, trust_env=False) as client:
        answer = client.post("/admin/login", data={"csrf": csrf(client.get("/admin/login").text), "token": token})
    written = next(value for name, value in answer.headers.multi_items() if value.startswith("regen-console="))
    age = next(int(part.partition("=")[2]) for part in written.split("; ") if part.startswith("Max-Age="))
    assert 0 < age <= 90
    assert jwt.decode(token, options={"verify_signature": False})["sub"] == "ada"


def test_an_expired_session_is_none(url: str) -> None:
    from regen_api.console.session import Cookie, Session
    from tests.console.conftest import SECRET

    class Answer:
        def set_cookie(self, name: str, value: str, **_: Any) -> None:
            self.cookie = {name: value}

    statuses = []
    for until in (-1, 60):
        answer = Answer()
        session = Session("root", is_admin=True, csrf="c", expires_at=int(time.time()) + until)
        Cookie("regen-console", Session, SECRET, secure=False).write(answer, session)  # type: ignore[arg-type]
        with httpx.Client(base_url=url, cookies=answer.cookie, trust_env=False) as client:
            statuses.append(client.get("/admin").status_code)
    assert statuses == [303, 200]


def test_one_kind_of_cookie_does_not_pass_for_another(url: str) -> None:
    with httpx.Client(base_url=url, trust_env=False) as client:
        client.get("/admin/login")
        with httpx.Client(
            base_url=url, cookies={"regen-console": client.cookies["regen-console-login"]}, trust_env=False
        ) as other:
            assert other.get("/admin").status_code == 303


@pytest.mark.parametrize("path", ["/admin/new", "/admin/jobs/a/again", "/admin/plans/p/regenerate", "/admin/logout"])
def test_a_form_needs_its_token(url: str, superuser: psycopg.Connection[Any], path: str) -> None:
    with signed_in(url) as client:
        for token in ({}, {"csrf": ""}, {"csrf": "wrong"}):
            assert client.post(path, data=NEW | token).status_code == 403
        assert client.get("/admin").status_code == 200
    assert jobs(superuser) == 0


def test_a_form_from_another_site_is_refused(url: str, superuser: psycopg.Connection[Any]) -> None:
    with signed_in(url) as client:
        token = csrf(client.get("/admin").text)
        for site in ("cross-site", "same-site", "none"):
            answer = client.post("/admin/new", data=NEW | {"csrf": token}, headers={"Sec-Fetch-Site": site})
            assert answer.status_code == 403
        assert jobs(superuser) == 0
        assert client.post("/admin/new", data=NEW | {"csrf": token}).status_code == 303
    assert jobs(superuser) == 1


def test_the_login_form_needs_its_token_too(url: str) -> None:
    with httpx.Client(base_url=url, trust_env=False) as client:
        assert client.post("/admin/login", data={"csrf": "x", "token": KEY}).status_code == 403
        client.get("/admin/login")
        assert client.post("/admin/login", data={"csrf": "x", "token": KEY}).status_code == 403
        assert "regen-console" not in client.cookies


def test_signing_out_forgets(url: str) -> None:
    with signed_in(url) as client:
        answer = client.post("/admin/logout", data={"csrf": csrf(client.get("/admin").text)})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/login")
        assert client.get("/admin").status_code == 303


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/admin/jobs/a?b=c", "/admin/jobs/a?b=c"),
        ("https://evil.example/", "/admin"),
        ("//evil.example/", "/admin"),
        ("/admin//evil.example", "/admin"),
        ("/admin/\\evil.example", "/admin"),
        ("/administrator", "/admin"),
        ("/admin/\r\nX: y", "/admin"),
    ],
)
def test_signing_in_leads_to_our_own_pages_only(url: str, wanted: str, target: str) -> None:
    with httpx.Client(base_url=url, trust_env=False) as client:
        page = client.get("/admin/login", params={"next": wanted})
        answer = client.post("/admin/login", data={"csrf": csrf(page.text), "token": KEY})
    assert answer.headers["Location"] == target


def test_every_page_forbids_what_it_does_not_need(url: str) -> None:
    with signed_in(url) as client:
        for path in ("/admin", "/admin/new", "/admin/login", "/admin/nowhere"):
            answer = client.get(path)
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "<script>" not in answer.text
            assert " style=" not in answer.text
            assert " onclick=" not in answer.text


def test_production_has_no_console_without_a_shared_secret(start: Start, login_provider: LoginProvider) -> None:
    url = start(
        env="production", static_key=None, console_secret=None, oidc_issuer="https://issuer.example", oidc_audience="regen"
    )
    with httpx.Client(base_url=url, trust_env=False) as client:
        assert client.get("/admin").status_code == 404
