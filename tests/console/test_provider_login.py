"""Does signing in at the identity provider let in exactly whoever it says, and nobody by a forged or borrowed answer?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.integration.api.identity import rsa_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.console.conftest import Open
    from tests.console.identity_provider import LoginProvider


@pytest.fixture
def client(with_provider: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=with_provider, timeout=30, trust_env=False) as client:
        yield client


def begin(client: httpx.Client, target: str = "/admin") -> str:
    """From our login to the provider's answer: the address that the browser is sent back to."""
    sent = client.get("/admin/login/start", params={"next": target})
    assert sent.status_code == 303, sent.text
    return str(httpx.get(sent.headers["Location"], trust_env=False).headers["Location"])


def finish(client: httpx.Client, address: str) -> httpx.Response:
    return client.get(address)


def is_signed_in(client: httpx.Client) -> bool:
    return client.get("/admin").status_code == 200


def test_an_admin_gets_in_and_arrives_where_they_were_going(client: httpx.Client, login_provider: LoginProvider) -> None:
    answer = finish(client, begin(client, "/admin/new?type=export"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/new?type=export")
    page = client.get("/admin/new").text
    assert "ada" in page
    assert ">admin<" in page
    asked = login_provider.asked[0]
    assert (asked["response_type"], asked["scope"], asked["code_challenge_method"]) == ("code", "openid", "S256")
    assert len(asked["code_challenge"]) == 43
    assert {"state", "nonce"} <= asked.keys()


def test_without_the_role_one_is_a_visitor(client: httpx.Client, login_provider: LoginProvider) -> None:
    login_provider.roles = ["reader"]
    finish(client, begin(client))
    assert ">visitor<" in client.get("/admin").text
    assert client.get("/admin/new").status_code == 403


def test_no_token_of_the_provider_reaches_the_browser(client: httpx.Client) -> None:
    answer = finish(client, begin(client))
    assert client.cookies
    assert all("eyJhbGciOi" not in value for value in client.cookies.values())
    assert "eyJhbGciOi" not in answer.text


@pytest.mark.parametrize("state", ["", "another"])
def test_an_answer_to_another_browser_is_refused(client: httpx.Client, login_provider: LoginProvider, state: str) -> None:
    login_provider.callback = {"state": state}
    answer = finish(client, begin(client))
    assert answer.status_code == 400
    assert "not begun in this browser" in answer.text
    assert not is_signed_in(client)


def test_an_answer_without_a_beginning_is_refused(client: httpx.Client, with_provider: str) -> None:
    address = begin(client)
    with httpx.Client(base_url=with_provider, trust_env=False) as other:
        assert other.get(address).status_code == 400
        assert not is_signed_in(other)


def test_an_answer_counts_once(client: httpx.Client) -> None:
    address = begin(client)
    assert finish(client, address).status_code == 303
    assert finish(client, address).status_code == 400


def test_a_code_is_of_no_use_without_its_verifier(client: httpx.Client, login_provider: LoginProvider) -> None:
    """Somebody else's code, pasted into one's own answer."""
    stolen = parse_qs(urlsplit(begin(client)).query)["code"][0]
    login_provider.callback = {"code": stolen}
    answer = finish(client, begin(client))
    assert answer.status_code == 400
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [
        ({"id_claims": {"nonce": "another"}}, "another sign-in"),
        ({"id_claims": {"nonce": None}}, "another sign-in"),
        ({"id_claims": {"aud": "another client"}}, "ID token is not valid"),
        ({"id_claims": {"iss": "https://evil.example"}}, "ID token is not valid"),
        ({"id_claims": {"exp": 1}}, "ID token is not valid"),
        ({"id_claims": {"sub": "eve"}}, "of different people"),
        ({"access_claims": {"aud": "another api"}}, "is not one for this API"),
        ({"access_claims": {"exp": 1}}, "is not one for this API"),
        ({"callback": {"iss": "https://evil.example"}}, "another identity provider"),
        ({"callback": {"error": "access_denied"}}, "refused the sign-in"),
        ({"callback": {"code": ""}}, "sent no code"),
        ({"token_status": 500}, "refused the sign-in"),
        ({"key": rsa_key}, "ID token is not valid"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_not_right_lets_nobody_in(
    client: httpx.Client, login_provider: LoginProvider, spoiled: dict[str, Any], words: str
) -> None:
    for name, value in spoiled.items():
        setattr(login_provider, name, value() if callable(value) else value)
    answer = finish(client, begin(client))
    assert answer.status_code == 400
    assert words in answer.text.replace("&#39;", "'")
    assert not is_signed_in(client)


@pytest.mark.parametrize("metadata", [(500, b""), (200, b"[]"), (200, b'{"issuer": "https://evil.example"}'), (200, b"{")])
def test_a_provider_that_fails_is_told_on_the_login_page(
    client: httpx.Client, login_provider: LoginProvider, metadata: tuple[int, bytes]
) -> None:
    login_provider.answers["/.well-known/openid-configuration"] = metadata
    answer = client.get("/admin/login/start")
    assert answer.status_code == 502
    assert "The identity provider" in answer.text
    assert 'name="token"' in answer.text


def test_in_a_browser(open_window: Open, with_provider: str) -> None:
    page = open_window(with_provider, token=None)
    page.goto("/admin/plans")
    page.get_by_role("link", name="Sign in with your organisation").click()
    page.wait_for_url("**/admin/plans")
    page.get_by_role("heading", name="Plans").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
