"""Tokens for programs: the text that a program sends, and how it is found."""

import hashlib
import math
import re
import secrets
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta

from soft_stream.access.accounts import NEVER, Accounts, Token

PREFIX = "css_"
RANDOM_BYTES = 32
TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)

PERIOD = re.compile(r"([0-9]{1,6})([hdwy])", re.ASCII)
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1), "y": timedelta(days=365)}
LONGEST = timedelta(days=365 * 100)
EXPECTED = f"must be a time such as 12h, 30d, 4w or 1y, a date such as 2027-11-30, or {NEVER}"


def new_token() -> str:
    """Return a new token, as its program sends it."""
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def digest_of(text: str) -> str:
    """Return what the file has of a token. It needs no salt and no slow hash: a token has 256 random bits."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def find_token(accounts: Accounts, text: str) -> Token | None:
    """Return the token that a program has sent, also if it has expired; None if there is none."""
    return accounts.tokens.get(digest_of(text)) if TOKEN.fullmatch(text) else None


def is_expired(token: Token, now: float) -> bool:
    """Return True if a token has expired at a time, in seconds of the wall clock."""
    return now >= token.expires_at


def parse_expiry(text: str, now: float) -> float:
    """Return when a token expires: after a period, at the end of a date by the local time, or never.

    Raises:
        ValueError: the text is something else, or not in the next 100 years; the message is a part of a sentence.
    """
    if text == NEVER:
        return math.inf
    seconds = math.inf
    if match := PERIOD.fullmatch(text):
        seconds = int(match[1]) * UNITS[match[2]].total_seconds()
    else:
        try:
            last = datetime.combine(date.fromisoformat(text), time(23, 59, 59))
        except ValueError:
            raise ValueError(EXPECTED) from None
        with suppress(OverflowError, ValueError):  # the last days of the calendar, in some time zones
            seconds = last.astimezone().timestamp() - now
    if not 0 < seconds <= LONGEST.total_seconds():
        raise ValueError("must be in the future, and at most 100 years")
    return now + seconds


def format_line(token: Token, now: float) -> str:
    """Return the line of a token that is made now."""
    expires = NEVER if token.expires_at == math.inf else _format_time(token.expires_at)
    return f"{token.name}:{token.digest}:{token.rights} created={_format_time(now)} expires={expires}"


def _format_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
