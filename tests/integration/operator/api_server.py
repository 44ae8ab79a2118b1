"""An HTTP server in place of the API server: it fails on purpose, checks credentials, and speaks TLS with a CA of its own."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kubernetes.aio.client import Configuration

from regen_operator.kube.login import Login

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

JOB: dict[str, Any] = {"metadata": {"name": "a"}}
STORED: dict[str, Any] = {"kind": "Job", **JOB}


@dataclass
class ApiServer:
    """Responds with ``responses`` in turn, then with 200 and an object; 401 if ``accepted`` lacks the request's credentials."""

    responses: list[tuple[int, dict[str, Any] | bytes]] = field(default_factory=list)
    accepted: set[str] | None = None
    authorizations: list[str] = field(default_factory=list)
    clients: list[str | None] = field(default_factory=list)
    """The common name of each request's client certificate, None without one."""
    url: str = ""
    delay_seconds: float = 0.0

    async def handle(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.delay_seconds)
        authorization = request.headers.get("Authorization", "")
        self.authorizations.append(authorization)
        self.clients.append(_common_name(request))
        status, body = self.responses.pop(0) if self.responses else (200, STORED)
        if self.accepted is not None and authorization not in self.accepted:
            status, body = 401, {"kind": "Status", "reason": "Unauthorized"}
        headers = {"Retry-After": "0"} if status == 429 else {}
        if isinstance(body, bytes):
            return web.Response(body=body, status=status, headers={"Content-Type": "text/html; charset=utf-8"})
        return web.json_response(body, status=status, headers=headers)


@asynccontextmanager
async def serving(context: ssl.SSLContext | None = None) -> AsyncIterator[ApiServer]:
    """A server on a free port of 127.0.0.1."""
    server = ApiServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        server.url = f"{'http' if context is None else 'https'}://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()


def login_with(url: str, token: str = "") -> Login:
    """A login with a bearer token."""
    configuration = Configuration(host=url)
    configuration.client_session_kwargs = {"trust_env": False}
    return Login(configuration, f"Bearer {token}" if token else None, (None, None, None))


class Authority:
    """A CA in ``folder``, and the certificates that it issues."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = self._builder(self._name, self._key).add_extension(usage, critical=True)
        certificate = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(
            self._key, hashes.SHA256()
        )
        self.certificate = folder / f"{name}.crt"
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Files of a certificate for 127.0.0.1 whose common name is ``name``, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        addresses = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = self._builder(subject, key).add_extension(addresses, critical=False).add_extension(issuer, critical=False)
        certificate_file, key_file = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        signed = builder.sign(self._key, hashes.SHA256())
        certificate_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        return certificate_file, key_file

    def server_context(self) -> ssl.SSLContext:
        """A server's TLS with a certificate of this CA; it asks for client certificates of the same CA."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.certificate))
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_cert_chain(*self.issue("server"))
        return context

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )


def _common_name(request: web.Request) -> str | None:
    peer = request.get_extra_info("peercert")
    if not peer:
        return None
    return next(value for entry in peer["subject"] for key, value in entry if key == "commonName")
