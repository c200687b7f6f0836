"""TLS on both sides, and users with passwords."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.errors import EtcdDenied, EtcdUnavailable
from services.mesh.etcd.process import EtcdFiles, find_etcdctl
from services.mesh.etcd.session import Session
from services.mesh.etcd.transport import EtcdLimits, EtcdTls
from services.mesh.etcd.view import PrefixView
from tests.integration.mesh.etcd_fixtures import running_etcd

SHORT = EtcdLimits(timeout_s=1.0, attempt_timeout_s=0.5)


async def test_a_client_with_a_certificate_is_served_and_one_without_is_not(tmp_path: Path) -> None:
    files = certificates(tmp_path)
    async with running_etcd(tmp_path, files=files) as [server]:
        tls = EtcdTls(files.ca_file, files.cert_file, files.key_file)
        async with EtcdClient([server.endpoint], tls=tls) as client:
            await client.put("/k", b"secret")
            assert await client.get("/k") is not None
        for refused in (EtcdTls(files.ca_file), None):
            async with EtcdClient([server.endpoint], tls=refused, limits=SHORT) as client:
                with pytest.raises(EtcdUnavailable):
                    await client.get("/k")


async def test_a_user_signs_in_again_when_the_token_has_died(tmp_path: Path) -> None:
    async with running_etcd(tmp_path) as [server]:
        enable_users(server.endpoint)
        async with EtcdClient([server.endpoint], user="mesh", password="right") as client:
            await client.put("/hongbao/k", b"1")
            session = await Session.open(client, 10)
            view = PrefixView(client, "/hongbao/")
            await view.start()
            # Every stream has to begin anew, and every one of them with a token that nobody knows.
            server.kill()
            renewed_s = session.expires_at_s
            client.transport._token = "forgotten.1"
            server.start()
            revision = await client.put("/hongbao/k", b"2", lease_id=session.lease_id)
            assert ("token", "forgotten.1") not in await client.transport.metadata(1.0)
            await asyncio.wait_for(view.reached(revision), 5.0)
            async with asyncio.timeout(5.0):
                while session.expires_at_s <= renewed_s:
                    session.check_alive()
                    await asyncio.sleep(0.02)
            await view.close()
            await session.close()


async def test_who_may_not_is_told_so_at_once(tmp_path: Path) -> None:
    async with running_etcd(tmp_path) as [server]:
        enable_users(server.endpoint)
        async with EtcdClient([server.endpoint], user="mesh", password="wrong") as client:
            with pytest.raises(EtcdDenied):
                await client.get("/hongbao/k")
        async with EtcdClient([server.endpoint]) as client:
            with pytest.raises(EtcdDenied):
                await client.get("/hongbao/k")
        async with EtcdClient([server.endpoint], user="mesh", password="right") as client:
            with pytest.raises(EtcdDenied):
                await client.put("/elsewhere", b"")
            view = PrefixView(client, "/elsewhere/")
            with pytest.raises(EtcdDenied):
                await asyncio.wait_for(view.start(), 5.0)


def enable_users(endpoint: str) -> None:
    """Root, and a user who may only work below /hongbao/."""
    for command in (
        "user add root:root",
        "user grant-role root root",
        "role add mesh",
        "role grant-permission mesh --prefix=true readwrite /hongbao/",
        "user add mesh:right",
        "user grant-role mesh mesh",
        "auth enable",
    ):
        subprocess.run(  # noqa: S603 - our own arguments
            [find_etcdctl(), f"--endpoints={endpoint}", *command.split()],
            check=True,
            capture_output=True,
            timeout=10,
        )


def certificates(folder: Path) -> EtcdFiles:
    """An authority, and one certificate that server and client share."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = signed("test authority", authority_key, "test authority", authority_key, is_authority=True)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = signed("etcd", key, "test authority", authority_key, is_authority=False)
    files = EtcdFiles(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    files.ca_file.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    files.cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


def signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
    )
    return builder.sign(issuer_key, hashes.SHA256())
