"""A certificate for 127.0.0.1, signed by an authority made for the occasion.

HTTP/2 is agreed on in the TLS handshake (ALPN), so a client that speaks it only there
can be proven only with TLS. `SSL_CERT_FILE` makes httpx trust the authority.
"""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

_DAYS = 7


def make_authority(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context, and the file with the authority that its clients trust."""
    now = datetime.now(UTC)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name, name = _name("avengers-serve test authority"), _name("127.0.0.1")
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    ca = (
        _begun(ca_name, ca_name, now)
        .public_key(ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(_id(ca_key), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    certificate = (
        _begun(name, ca_name, now)
        .public_key(key.public_key())
        .add_extension(address, critical=False)
        .add_extension(issuer, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    authority, server = directory / "ca.pem", directory / "server.pem"
    authority.write_bytes(ca.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    server.touch(0o600)
    server.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    return server_context(server), authority


def server_context(certificate_and_key: Path) -> ssl.SSLContext:
    """HTTP/2 if the client can, else HTTP/1.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_and_key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _id(key: ec.EllipticCurvePrivateKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


def _begun(
    subject: x509.Name, issuer: x509.Name, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_DAYS))
    )
