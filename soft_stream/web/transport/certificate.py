"""The certificate of https:// endpoints: read at the start, and again when it was renewed."""

import asyncio
import logging
import os
import ssl
import stat
from pathlib import Path
from typing import NoReturn

log = logging.getLogger(__name__)

# Certificates are renewed days before they expire. Looking follows links over any number of folders, as certbot makes
# them, and works on every file system; inotify would need a watch on each of those folders.
LOOK_INTERVAL = 60.0

# Inode, time and size of both files.
Facts = tuple[tuple[int, int, int] | None, ...]


class CertificateError(Exception):
    """The certificate cannot be used; the text says why."""


class Certificate:
    """What new connections are greeted with, as PEM files: the certificate with its chain, and its key."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._seen: Facts = ()
        self.context: ssl.SSLContext
        """The newest certificate that could be used; there is none before `read`."""

    async def read(self) -> None:
        """Read both files.

        Raises:
            CertificateError: they cannot be used.
        """
        await asyncio.to_thread(self._look)

    async def watch(self) -> None:
        """Read both files again when they change, until cancelled; open connections keep what they have."""
        while True:
            await asyncio.sleep(LOOK_INTERVAL)
            try:
                is_new = await asyncio.to_thread(self._look)
            except CertificateError as reason:
                log.warning("The certificate has changed and cannot be used, so the old one stays: %s", reason)
            else:
                if is_new:
                    log.info("The certificate was read again: %s", self._files[0])

    def _look(self) -> bool:
        """Read both files if they are not those that were seen last."""
        facts = tuple(_facts(file) for file in self._files)
        if facts == self._seen:
            return False
        self._seen = facts
        try:
            self.context = _load(*self._files)
        except OSError as error:  # it was replaced just now
            raise CertificateError(f"{' and '.join(map(str, self._files))}: {error.strerror}") from None
        return True


def _facts(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _load(certificate: Path, key: Path) -> ssl.SSLContext:
    _check(certificate, b"CERTIFICATE-----", "certificate")
    mode = _check(key, b"PRIVATE KEY-----", "key")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)

    def refuse() -> NoReturn:
        raise CertificateError(f"the key {key} is protected by a password")

    try:
        context.load_cert_chain(certificate, key, password=refuse)
    except ssl.SSLError as error:
        reason = error.reason or "PEM that cannot be read"
        if "MISMATCH" in reason:
            raise CertificateError(f"the key {key} is not that of the certificate {certificate}") from None
        raise CertificateError(f"{certificate} and {key}: {reason.replace('_', ' ').lower()}") from None
    if mode & stat.S_IROTH:
        log.warning("Everybody on this machine can read the key %s; `chmod o= %s` ends that", key, key)
    return context


def _check(file: Path, mark: bytes, what: str) -> int:
    """Name the file that is wrong, as OpenSSL does not, or return its mode; a pipe is not waited for."""
    try:
        with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            text = opened.read() if stat.S_ISREG(mode) else b""
    except OSError as error:
        raise CertificateError(f"the {what} {file} cannot be read: {error.strerror}") from None
    if mark not in text:
        raise CertificateError(f"there is no {what} in {file} (PEM)")
    return mode
