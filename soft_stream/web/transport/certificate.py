"""The certificate of https:// endpoints: loaded at the start, and again after it was renewed."""

import asyncio
import logging
import os
import ssl
import stat
from pathlib import Path
from typing import NoReturn

log = logging.getLogger(__name__)

# Seconds between two checks; certificates are renewed days before they expire. stat() follows links over any number of
# folders, as certbot makes them, and works on every file system. inotify would need a watch on each of those folders.
CHECK_INTERVAL = 60.0

# Inode, modification time and size of a file; None if it is missing.
FileState = tuple[int, int, int] | None


class CertificateError(Exception):
    """The certificate cannot be used; the message says why."""


class Certificate:
    """Two PEM files, a certificate with its chain and the key, and the TLS context that is made of them."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._states: tuple[FileState, ...] = ()
        self.context: ssl.SSLContext
        """For new connections: the newest certificate that could be used. `read` sets it first."""

    async def read(self) -> None:
        """Load both files.

        Raises:
            CertificateError: they cannot be used.
        """
        await asyncio.to_thread(self._load_if_changed)

    async def watch(self) -> None:
        """Load both files again whenever they change, until cancelled; open connections keep their certificate."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL)
            try:
                is_new = await asyncio.to_thread(self._load_if_changed)
            except CertificateError as reason:
                log.warning("The new certificate cannot be used, so the old one stays in use: %s", reason)
            else:
                if is_new:
                    log.info("Certificate reloaded: %s", self._files[0])

    def _load_if_changed(self) -> bool:
        """Load both files unless they are unchanged; return True if they were loaded."""
        states = tuple(_state_of(file) for file in self._files)
        if states == self._states:
            return False
        self._states = states
        try:
            self.context = _load(*self._files)
        except OSError as error:  # it was replaced a moment ago
            raise CertificateError(f"{' and '.join(map(str, self._files))}: {error.strerror}") from None
        return True


def _state_of(file: Path) -> FileState:
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
            raise CertificateError(f"the key {key} does not belong to the certificate {certificate}") from None
        raise CertificateError(f"{certificate} and {key}: {reason.replace('_', ' ').lower()}") from None
    if mode & stat.S_IROTH:
        log.warning("All users of this machine can read the key %s; prevent it with `chmod o= %s`", key, key)
    return context


def _check(file: Path, mark: bytes, what: str) -> int:
    """Return the mode of a PEM file; name the file in the error, as OpenSSL does not. Do not wait for a pipe."""
    try:
        with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            text = opened.read() if stat.S_ISREG(mode) else b""
    except OSError as error:
        raise CertificateError(f"the {what} {file} cannot be read: {error.strerror}") from None
    if mark not in text:
        raise CertificateError(f"there is no {what} in {file} (PEM)")
    return mode
