"""Certificates of their own making, as openssl writes them."""

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple


class Pair(NamedTuple):
    """A certificate that is its own authority, and its key."""

    certificate: Path
    key: Path

    def trusting(self) -> ssl.SSLContext:
        """Return the TLS context of a client that trusts this certificate only."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def serving(self) -> ssl.SSLContext:
        """Return the TLS context of a server with this certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self)
        return context


THIS_MACHINE = "DNS:localhost,IP:127.0.0.1,IP:::1"


def make(folder: Path, name: str = "portal", *, password: str = "", names: str = THIS_MACHINE) -> Pair:
    """Make a certificate for this machine, or for other names."""
    pair = Pair(folder / f"{name}.pem", folder / f"{name}-key.pem")
    protection = ["-passout", f"pass:{password}"] if password else ["-noenc"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", *protection]
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName={names}"]
    files = ["-keyout", str(pair.key), "-out", str(pair.certificate)]
    subprocess.run([*command, *subject, *files], check=True, capture_output=True)
    return pair
