"""Hashes of passwords: those of the system's libcrypt, and the others that nginx accepts in its htpasswd files.

libcrypt has bcrypt, SHA-512, SHA-256, MD5, yescrypt and DES. Python's module `crypt`, which called the same library,
was removed in Python 3.13. libcrypt.so.1 is a part of every Debian, as perl-base needs it. It computes without the GIL,
unlike hashes in Python, so frames flow meanwhile. https://github.com/besser82/libxcrypt
"""

import base64
import ctypes
import hashlib
import hmac
import logging
import os
import re
import subprocess
import unicodedata
from collections.abc import Sequence
from functools import cache

from soft_stream.access.signing import SigningKey

log = logging.getLogger(__name__)

BCRYPT, COST = b"$2b$", 10
RANDOM_BYTES = 16
# Sizes of libcrypt's buffers, in bytes: `struct crypt_data`, and CRYPT_GENSALT_OUTPUT_SIZE (crypt.h).
DATA_SIZE, SETTING_SIZE = 32768, 192
# bcrypt ignores further bytes.
MAX_PASSWORD = 72
# Bytes of a password that `openssl passwd` reads; seconds for its thousand rounds of MD5.
MAX_APR1, OPENSSL_TIMEOUT = 256, 10
SHA_BYTES = 20
APR1 = re.compile(r"\$apr1\$([^$:\s]{1,8})\$[./0-9A-Za-z]{22}", re.ASCII)
# All kinds of hashes at their full lengths: a shorter text was damaged, or is the password itself.
KNOWN = re.compile(
    r"""  \$2[abxy]\$\d\d\$[./0-9A-Za-z]{53}
        | \$1\$[^$:]{0,8}\$[./0-9A-Za-z]{22}
        | \$apr1\$[^$:\s]{1,8}\$[./0-9A-Za-z]{22}
        | \$5\$(rounds=\d+\$)?[^$:]{0,16}\$[./0-9A-Za-z]{43}
        | \$6\$(rounds=\d+\$)?[^$:]{0,16}\$[./0-9A-Za-z]{86}
        | \$(y|gy|7|sha1|md5)[$,][./0-9A-Za-z$,=]{20,}
        | [./0-9A-Za-z]{13} | _[./0-9A-Za-z]{19}
        | \{SHA\}[+/0-9A-Za-z]{27}=
        | \{SSHA\}[+/0-9A-Za-z]{27,}={0,2}
        | \{PLAIN\}.+
    """,
    re.ASCII | re.VERBOSE,
)


def make_hash(password: str) -> str:
    """Return the bcrypt hash of a password; this takes a tenth of a second.

    Raises:
        ValueError: it is no password; the message is a sentence about it that does not have it.
        OSError: libcrypt cannot make hashes.
    """
    secret = password.encode(errors="surrogateescape")
    if not secret:
        raise ValueError("The password is empty; it must have at least 1 character")
    if len(secret) > MAX_PASSWORD:
        raise ValueError(f"The password has {len(secret)} bytes; it must have at most {MAX_PASSWORD}")
    categories = {unicodedata.category(char) for char in password}
    if "Cc" in categories:
        raise ValueError("The password has a control character, such as a tab; programs cannot send these")
    if "Cs" in categories:
        raise ValueError("The password is not UTF-8 text")
    setting = ctypes.create_string_buffer(SETTING_SIZE)
    if not _library().crypt_gensalt_rn(BCRYPT, COST, os.urandom(RANDOM_BYTES), RANDOM_BYTES, setting, SETTING_SIZE):
        raise OSError("libcrypt has no bcrypt")
    return _crypt(secret, setting.value).decode()


def is_password(password: str, coded: str) -> bool:
    """Return True if a hash is that of a password; False also if it is of no known kind, or of an empty password."""
    secret, expected = password.encode(errors="surrogateescape"), coded.encode(errors="surrogateescape")
    if not secret or b"\0" in secret:  # libcrypt would compare only what is before a NUL
        return False
    computed = _computed(secret, coded, expected)
    return hmac.compare_digest(computed, expected) and not computed.startswith(b"*")


def is_locked(coded: str) -> bool:
    """Return True if a hash was made one of no password on purpose, as by `passwd -l`."""
    return not coded or coded[0] in "*!"


def is_known(coded: str) -> bool:
    """Return True if a hash is of a known kind, and whole."""
    return bool(KNOWN.fullmatch(coded))


def stand_in(name: str, hashes: Sequence[str], key: SigningKey) -> str:
    """Return the hash against which the password of an unknown user is verified, with the result ignored.

    It is that of an existing user, and always the same one for a name, so neither the time nor its change reveals who
    exists. Without any hash it is that of no password.
    """
    return sorted(hashes)[int(key.digest("stand-in", name), 16) % len(hashes)] if hashes else "*"


def _computed(secret: bytes, coded: str, setting: bytes) -> bytes:
    """Return the hash of a password of the same kind and with the same salt as another hash; `*` if there is none."""
    if coded.startswith("{PLAIN}"):
        return b"{PLAIN}" + secret
    if coded.startswith("{SHA}"):
        return b"{SHA}" + base64.b64encode(hashlib.sha1(secret, usedforsecurity=False).digest())
    if coded.startswith("{SSHA}"):
        try:
            salt = base64.b64decode(setting.removeprefix(b"{SSHA}"))[SHA_BYTES:]
        except ValueError:
            return b"*"
        return b"{SSHA}" + base64.b64encode(hashlib.sha1(secret + salt, usedforsecurity=False).digest() + salt)
    if match := APR1.fullmatch(coded):
        return _apr1(secret, match[1])
    return _crypt(secret, setting)


def _apr1(secret: bytes, salt: str) -> bytes:
    """Return Apache's variant of MD5, which libcrypt does not have."""
    if len(secret) > MAX_APR1 or b"\n" in secret:  # openssl would ignore the rest
        return b"*"
    command = ["openssl", "passwd", "-apr1", "-salt", salt, "-stdin"]
    try:
        result = subprocess.run(command, input=secret, capture_output=True, timeout=OPENSSL_TIMEOUT, check=True)  # noqa: S603 # the salt is one word
    except (OSError, subprocess.SubprocessError) as error:
        log.error("openssl cannot verify a password of the kind $apr1$: %s", error)  # noqa: TRY400 # the sentence says it all
        return b"*"
    return result.stdout.strip()


def _crypt(secret: bytes, setting: bytes) -> bytes:
    """Return libcrypt's result; it begins with `*` after an error."""
    data = ctypes.create_string_buffer(DATA_SIZE)
    return _library().crypt_rn(secret, setting, data, DATA_SIZE) or b"*"


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt_rn.restype = ctypes.c_char_p
    library.crypt_rn.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int)
    library.crypt_gensalt_rn.restype = ctypes.c_char_p
    library.crypt_gensalt_rn.argtypes = (
        *(ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p),
        *(ctypes.c_int, ctypes.c_void_p, ctypes.c_int),
    )
    return library
