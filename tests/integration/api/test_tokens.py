"""Is a token accepted exactly when the provider signed it, for us, now?"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.integration.api.identity import Provider, ec_key, public, rsa_key

if TYPE_CHECKING:
    from tests.integration.api.conftest import Start

JOBS = "/api/v1/regeneration-jobs"
ADMIN: dict[str, Any] = {"roles": ["regen-admin"]}


async def status(start: Start, token: str, **settings: Any) -> int:
    """200 for an admin, 403 for anybody else, 401 for nobody."""
    client = await start(token=token, static_key=None, **settings)
    return (await client.get(JOBS)).status_code


async def test_a_good_token_is_its_subject(start: Start, provider: Provider) -> None:
    assert await status(start, provider.token(**ADMIN)) == 200
    assert await status(start, provider.token()) == 403


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _signed_with_the_public_key(provider: Provider) -> str:
    """The old attack: HMAC, with what everybody may know as the secret (RFC 8725, section 2.1)."""
    now = int(time.time())
    claims = {"iss": provider.issuer, "aud": "regen", "sub": "mallory", "exp": now + 300, **ADMIN}
    text = f"{_part({'alg': 'HS256', 'kid': 'first', 'typ': 'JWT'})}.{_part(claims)}"
    secret = provider.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signature = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def _unsigned(provider: Provider) -> str:
    claims = {"iss": provider.issuer, "aud": "regen", "sub": "mallory", "exp": int(time.time()) + 300, **ADMIN}
    return f"{_part({'alg': 'none', 'kid': 'first'})}.{_part(claims)}."


def _other_payload(provider: Provider) -> str:
    head, _, signature = provider.token(**ADMIN).split(".")
    _, payload, _ = provider.token(sub="mallory", **ADMIN).split(".")
    return f"{head}.{payload}.{signature}"


REFUSED: dict[str, Any] = {
    "another key": lambda p: p.token(key=rsa_key(), **ADMIN),
    "an unknown key": lambda p: p.token(kid="unheard", **ADMIN),
    "another issuer": lambda p: p.token(iss="https://elsewhere.example", **ADMIN),
    "another audience": lambda p: p.token(aud="another", **ADMIN),
    "an audience of others": lambda p: p.token(aud=["another", "third"], **ADMIN),
    "expired": lambda p: p.token(exp=int(time.time()) - 60, **ADMIN),
    "not yet": lambda p: p.token(nbf=int(time.time()) + 120, **ADMIN),
    "issued in the future": lambda p: p.token(iat=int(time.time()) + 120, **ADMIN),
    "no expiry": lambda p: p.token(without="exp", **ADMIN),
    "no subject": lambda p: p.token(without="sub", **ADMIN),
    "no issuer": lambda p: p.token(without="iss", **ADMIN),
    "no audience": lambda p: p.token(without="aud", **ADMIN),
    "an empty subject": lambda p: p.token(sub="", **ADMIN),
    "a subject with a control character": lambda p: p.token(sub="al\nice", **ADMIN),
    "a subject that is too long": lambda p: p.token(sub="x" * 256, **ADMIN),
    "an algorithm that is not allowed": lambda p: p.token(algorithm="RS512", **ADMIN),
    "the public key as a secret": _signed_with_the_public_key,
    "no signature": _unsigned,
    "another payload": _other_payload,
    "not a token": lambda _: "not.a.token",
    "too long": lambda p: p.token(padding="x" * 16_000, **ADMIN),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_any_other_token_is_refused(start: Start, provider: Provider, what: str) -> None:
    client = await start(token=REFUSED[what](provider), static_key=None)
    answer = await client.get(JOBS)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="regen", error="invalid_token"'
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:regen:problem:unauthenticated"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic cm9vdDpyb290", "Token abc"])
async def test_no_token_is_a_challenge(start: Start, header: str | None) -> None:
    client = await start(token=None)
    answer = await client.get(JOBS, headers={} if header is None else {"Authorization": header})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="regen"')


async def test_two_clocks_may_differ_a_little(start: Start, provider: Provider) -> None:
    late = provider.token(exp=int(time.time()) - 10, **ADMIN)
    assert await status(start, late) == 200
    assert await status(start, late, oidc_leeway_seconds=0) == 401
    assert await status(start, provider.token(nbf=int(time.time()) + 10, **ADMIN)) == 200


@pytest.mark.parametrize(
    ("claims", "changed", "expected"),
    [
        ({"roles": "reader regen-admin"}, {}, 200),
        ({"roles": "regen-administrator"}, {}, 403),
        ({"roles": {"regen-admin": True}}, {}, 403),
        ({"roles": 5}, {}, 403),
        ({"groups": ["ops"]}, {"role_claim": "groups", "admin_role": "ops"}, 200),
        ({"realm_access": {"roles": ["regen-admin"]}}, {"role_claim": "realm_access.roles"}, 200),
        ({"realm_access": ["roles"]}, {"role_claim": "realm_access.roles"}, 403),
        ({"https://acme.example/roles": ["regen-admin"]}, {"role_claim": "https://acme.example/roles"}, 200),
    ],
)
async def test_an_admin_is_whoever_has_the_role(
    start: Start, provider: Provider, claims: dict[str, Any], changed: dict[str, Any], expected: int
) -> None:
    assert await status(start, provider.token(**claims), **changed) == expected


@pytest.mark.parametrize(("kid", "algorithm"), [("e", "ES256"), ("o", "EdDSA")])
async def test_keys_of_other_kinds(start: Start, kid: str, algorithm: str) -> None:
    keys = {"e": ec_key(), "o": ed25519.Ed25519PrivateKey.generate()}
    with Provider() as own:
        own.keys = [public(key, kid=name) for name, key in keys.items()]
        settings = {"oidc_issuer": own.issuer, "oidc_algorithms": ("RS256", "ES256", "EdDSA")}
        token = own.token(key=keys[kid], kid=kid, algorithm=algorithm, **ADMIN)
        assert await status(start, token, **settings) == 200
        assert await status(start, token, **settings | {"oidc_algorithms": ("RS256",)}) == 401


async def test_a_token_without_a_key_id_is_tried_with_every_key(start: Start) -> None:
    with Provider() as own:
        own.keys = [public(rsa_key(), kid="a"), public(ec_key(), kid="b"), public(own.key, kid="c")]
        assert await status(start, own.token(kid=None, **ADMIN), oidc_issuer=own.issuer) == 200
        assert await status(start, own.token(kid=None, key=rsa_key(), **ADMIN), oidc_issuer=own.issuer) == 401


async def test_a_key_for_encryption_signs_nothing(start: Start) -> None:
    with Provider() as own:
        own.keys = [public(own.key, kid="first", use="enc"), public(rsa_key(), kid="second")]
        assert await status(start, own.token(**ADMIN), oidc_issuer=own.issuer) == 401


async def test_a_published_key_that_is_none_verifies_nothing(start: Start) -> None:
    with Provider() as own:
        own.keys = [{"kty": "RSA", "kid": "first"}]
        assert await status(start, own.token(**ADMIN), oidc_issuer=own.issuer) == 401
