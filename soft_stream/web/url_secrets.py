"""Secrets in URLs, which must not reach the log or an answer: clients append their keys, and people make mistakes."""

import re
from urllib.parse import unquote

# No parameter of this program is secret, but clients append their own to any URL; some encode `?`, `&` and `=`.
# A name ends at the next separator: otherwise a hostile query costs the cube of its length.
NAME = r"(?:(?!=|[?&]|%3d|%3f|%26).)*"
PARAMETER = re.compile(
    rf"(?i)((?:[?&]|%3f|%26){NAME}(?:key|token|pass|pwd|auth|secret|sig){NAME}(?:=|%3d))(?:(?!&|%26).)+"
)
# `//user:password@host`, which is a path here. No tool writes an @ at the end of a folder's name.
USER_INFO = re.compile(r"//[^/@?#]+@")
# One of our tokens, or the beginning of one: a long target has been cut.
TOKEN = re.compile(r"css_[A-Za-z0-9_-]{8,}")
# How many times a target may be encoded.
MAX_ENCODED = 4
MAX_TARGET = 300


def without_secrets(target: str) -> str:
    """Return the beginning of a path and query as it may be logged: `...` replaces what is secret in it."""
    target = USER_INFO.sub("//...@", target[:MAX_TARGET])
    target = TOKEN.sub("css_...", PARAMETER.sub(r"\1...", target))
    decoded = target
    for _ in range(MAX_ENCODED if "%" in target else 0):
        decoded = unquote(decoded)
        if TOKEN.search(decoded):
            return TOKEN.sub("css_...", decoded)
    return target
