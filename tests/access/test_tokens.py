"""Tokens: their expiry, and their lines."""

import math
from datetime import datetime, timedelta

import pytest

from soft_stream.access.accounts import Token, parse_token
from soft_stream.access.rights import Rights, Role
from soft_stream.access.tokens import TOKEN, digest_of, format_line, new_token, parse_expiry

NOW = 1_800_000_000.0
DAY = 86400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1h", 3600), ("12h", 43200), ("30d", 30 * DAY), ("4w", 28 * DAY), ("1y", 365 * DAY), ("100y", 36500 * DAY)],
)
def test_periods(text: str, seconds: int) -> None:
    """They begin now."""
    assert parse_expiry(text, NOW) == NOW + seconds


def test_dates() -> None:
    """A token works until the end of the date, by the local time; today is a date, too."""
    today = datetime.fromtimestamp(NOW)
    for day in (today, today + timedelta(days=40)):
        expires = datetime.fromtimestamp(parse_expiry(f"{day:%Y-%m-%d}", NOW))
        assert f"{expires:%Y-%m-%d %H:%M}" == f"{day:%Y-%m-%d} 23:59"
    assert parse_expiry("never", NOW) == math.inf


@pytest.mark.parametrize(
    "text",
    ["", "1", "d", "1 y", "1m", "-1d", "1.5d", "1Y", "1y1d", "tomorrow", "2027-02-30", "2027-13-01", "٣d", "1d\n",
     "2027-01-01T10:00"],
)  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    """The sentence names the forms."""
    with pytest.raises(
        ValueError, match="must be a time such as 12h, 30d, 4w or 1y, a date such as 2027-11-30, or never"
    ):
        parse_expiry(text, NOW)


@pytest.mark.parametrize("text", ["0d", "101y", "999999y", "2020-01-01", "0001-01-01", "9999-12-31"])
def test_times_out_of_range(text: str) -> None:
    """A token that has expired already, or outlives everything, is a mistake."""
    with pytest.raises(ValueError, match="must be in the future, and at most 100 years"):
        parse_expiry(text, NOW)


@pytest.mark.parametrize("expires_at", [math.inf, NOW + 5, 0.0])
def test_a_line_is_read_as_it_was_written(expires_at: float) -> None:
    """With its rights, and the time to the second."""
    token = Token("my token", digest_of(new_token()), Rights(Role.CONTROL, frozenset({0, 7})), expires_at)
    assert parse_token(format_line(token, NOW)) == token


def test_tokens_are_random_and_recognised() -> None:
    """Their form is what a query must not have."""
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(TOKEN.fullmatch(each) for each in tokens)
