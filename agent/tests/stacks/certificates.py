"""Makes the certificates of the tests with other people's OPC UA stacks: two for the server, one for a user, one for a stranger, and
the gateway's own where its client looks for it. Argument: the folder.
"""

import datetime
import ipaddress
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

folder = pathlib.Path(sys.argv[1])
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER


def make(common_name, uri, certificate_path, key_path):
    """Self-signed, as OPC UA Part 6, 6.2.2 wants an application's certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    names = [
        x509.UniformResourceIdentifier(uri),
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    usage = x509.KeyUsage(True, True, True, True, False, True, False, False, False)
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(usage, critical=False)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    for path in (certificate_path, key_path):
        path.parent.mkdir(parents=True, exist_ok=True)
    certificate_path.write_bytes(certificate.public_bytes(DER))
    certificate_path.with_suffix(".pem").write_bytes(certificate.public_bytes(PEM))
    key_path.write_bytes(
        key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


for who in ("first", "second"):
    make(f"{who} server", "urn:test:server", folder / who / "cert.der", folder / who / "key.pem")
for who in ("user", "stranger"):
    make(who, f"urn:test:{who}", folder / f"{who}.der", folder / f"{who}.key.pem")
    for server in ("first", "second"):
        (folder / server / f"{who}.der").write_bytes((folder / f"{who}.der").read_bytes())
make("gateway", "urn:gongzheng:gateway", folder / "pki" / "own" / "cert.der", folder / "pki" / "private" / "private.pem")
