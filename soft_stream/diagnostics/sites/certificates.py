"""The names in a certificate: those of a site that has no others."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from soft_stream.config import host_names
from soft_stream.diagnostics.sites.site import Names, single, union

PATIENCE = 10.0
"""Seconds that `openssl` may take."""


def names(files: Iterable[Path]) -> Names | None:
    """Return the DNS names in certificates; None if there is none but those of the local network.

    A certificate that the owner made for the local network does not show that the site has no other names.
    """
    found = union(map(_names_in, files))
    return found if any(map(host_names.is_public, found.known)) else None


def _names_in(file: Path) -> Names:
    command = ["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", str(file)]
    try:
        done = subprocess.run(  # noqa: S603 # openssl
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return Names()
    words = done.stdout.replace(",", " ").split()
    return union(single(word.removeprefix("DNS:")) for word in words if word.startswith("DNS:"))
