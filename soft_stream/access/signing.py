"""The key that signs sessions and internal tokens; all cameras share it."""

import base64
import hashlib
import hmac
import json
import logging
import os
import secrets
from pathlib import Path
from typing import Any

from soft_stream.access.files import locked, make_folder, open_regular, replace_file

log = logging.getLogger(__name__)

FILE = "signing-key"
KEY_BYTES = 32
# Characters of a signed text; longer ones are not ours.
MAX_LENGTH = 4096


class SigningKey:
    """Signs texts that clients keep for us, and makes keyed digests."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SigningKey) and hmac.compare_digest(self._key, other._key)

    def __hash__(self) -> int:
        return hash(self._key)

    @classmethod
    def load(cls, state_directory: Path | None) -> "SigningKey":
        """Return the key of a state directory, which is made if there is none.

        Without a state directory, or if the key cannot be read or made, the key is only in memory: its sessions end
        with the process, and no other process knows them.
        """
        if state_directory is None:
            return cls(secrets.token_bytes(KEY_BYTES))
        try:
            return cls(_load_or_make(state_directory))
        except OSError as error:
            log.warning(
                "%s cannot be used: %s. Sessions end when this process ends, and other cameras do not know them.",
                *(state_directory / FILE, error.strerror),
            )
            return cls(secrets.token_bytes(KEY_BYTES))

    def loaded_again(self, state_directory: Path) -> "SigningKey":
        """Return the key of a state directory as it is now, which is made if there is none; else this one."""
        try:
            return SigningKey(_load_or_make(state_directory))
        except OSError:
            return self

    @classmethod
    def find(cls, state_directory: Path | None) -> "SigningKey | None":
        """Return the key of a state directory; None if there is none or this user may not read it. Makes nothing."""
        try:
            key = _read(state_directory / FILE) if state_directory else None
        except OSError:
            return None
        return cls(key) if key else None

    def sign(self, purpose: str, payload: dict[str, Any]) -> str:
        """Return a text with a payload that `read` accepts for the same purpose only."""
        body = _encode(json.dumps(payload, separators=(",", ":")).encode())
        return f"{body}.{self._mac(purpose, body)}"

    def read(self, purpose: str, text: str) -> dict[str, Any] | None:
        """Return the payload of a signed text, or None if it is not one of `sign` for this purpose."""
        body, dot, mac = text.partition(".")
        # the text of the signature is compared, not its bytes: Base64 has several texts for the same bytes
        if (
            not dot
            or len(text) > MAX_LENGTH
            or not text.isascii()
            or not hmac.compare_digest(self._mac(purpose, body), mac)
        ):
            return None
        payload: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return payload

    def digest(self, purpose: str, text: str) -> str:
        """Return a keyed digest of a text, in hexadecimal digits."""
        message = f"digest {purpose}\0{text}".encode(errors="surrogateescape")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def _mac(self, purpose: str, body: str) -> str:
        return _encode(hmac.digest(self._key, f"sign {purpose}\0{body}".encode(), "sha256"))


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _load_or_make(folder: Path) -> bytes:
    """Return the key of a folder; processes that start at once get the same one.

    Raises:
        OSError: the file can neither be read nor made.
    """
    file = folder / FILE
    key = _read(file)
    if key is None:
        make_folder(folder)
        with locked(file) as owner:
            key = _read(file)
            if key is None:
                key = secrets.token_bytes(KEY_BYTES)
                replace_file(file, f"{key.hex()}\n".encode(), 0o600, owner)
    return key


def _read(file: Path) -> bytes | None:
    """Return the key of a file; None if there is no file, or no whole key in it."""
    try:
        with open_regular(file, os.O_NOFOLLOW) as opened:
            if os.fstat(opened.fileno()).st_mode & 0o077:  # as after a copy without its mode
                os.fchmod(opened.fileno(), 0o600)
                log.warning("Others could read %s; now only its user can. Remove it if they may have a copy.", file)
            key = bytes.fromhex(opened.read(1000).decode("ascii"))
    except FileNotFoundError:
        return None
    except ValueError:
        key = b""
    if len(key) == KEY_BYTES:
        return key
    log.warning("%s is damaged, so a new key replaces it: all sessions end.", file)
    return None
