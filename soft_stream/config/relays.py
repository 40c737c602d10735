"""The names of servers that get their picture from another one: they find URLs that lead back to where they began.

Each process has a name of its own, and adds it to the header Via of its requests (RFC 9110, section 7.6.3).
"""

import re
import secrets
from collections.abc import Collection

RELAY = re.compile(r"\bcamera-soft-stream-[0-9a-f]{16}\b")
# Servers that a frame may pass through.
MOST_RELAYS = 8


def make_relay_name() -> str:
    """Return a name that no other process has."""
    return f"camera-soft-stream-{secrets.token_hex(8)}"


def parse_via(values: Collection[str]) -> tuple[str, ...]:
    """Return the names of our servers in the headers Via, at most one more than is permitted."""
    return tuple(RELAY.findall(", ".join(values)))[: MOST_RELAYS + 1]
