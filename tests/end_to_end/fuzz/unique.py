"""Requests that are new in each round, for memory that is kept for each value which a client chooses.

A cache without a bound, by name, query, address or header, is full after one round of inputs that repeat.
"""

from random import Random

from tests.end_to_end.fuzz.conversations import Conversation
from tests.end_to_end.fuzz.dictionary import Words
from tests.end_to_end.fuzz.pairs import Request, header_names, in_groups, near, request, routes

# Requests of a route in a round: 1 kB for each of them is more than leaks.TOLERATED.
OF_ROUTE = 12
# Headers whose value decides whether the request is refused, or how it is read.
DECIDING = {
    "connection", "content-length", "transfer-encoding", "expect", "upgrade", "te", "trailer", "content-encoding",
    "origin", "sec-fetch-site", "x-forwarded-proto", "sec-websocket-version", "content-type", "cookie",
    "access-control-request-method", "referer",
}  # fmt: skip


# Names of parameters that programs add for a purpose of their own.
FOREIGN = ("x", "t", "q", "id", "name", "token", "key", "_", "cb", "user")
# Parameters that make a request wait, or the camera stay open.
WAITING = {"seconds", "deadline_ms", "max_delay", "repeat", "keep"}


def conversations(seed: int, round_: int, words: Words) -> list[Conversation]:
    """Return conversations of one round; no other round has a query, a name or a header value of these."""
    rng = Random(f"{seed} unique {round_}")  # noqa: S311 # no secret
    every = routes(words) * OF_ROUTE
    return in_groups(rng, [_one(rng, words, route, f"{round_}u{number}") for number, route in enumerate(every)])


def _one(rng: Random, words: Words, route: str, token: str) -> Request:
    names = [name for name in header_names(words) if name.lower() not in DECIDING | {"host", "user-agent"}]
    headers = [(name, _value(rng, name, token)) for name in rng.sample(names, 8)]
    headers += [("User-Agent", f"Agent/{token}"), ("Cookie", f"{token}={token}"), (f"X-{token}", token)]
    fields = [f"{name}={token}" for name in (*FOREIGN, "client", token)]
    for name in sorted({*near(words, route)} - WAITING - {"client"}):
        low, high = words.bounds.get(name, (0, 0))
        is_whole = name in ("width", "quality")
        if high and rng.random() < 0.3:
            fields.append(f"{name}={rng.randint(int(low) + 1, int(high)) + (0 if is_whole else rng.random()):.9g}")
        elif name not in words.choices and name not in words.bounds:
            fields.append(f"{name}={token}")
    rng.shuffle(fields)
    host = f"u{token}.local" if rng.random() < 0.5 else f"127.0.0.1:{rng.randrange(1, 65536)}"
    body = b""
    if words.methods.get(route) == "POST":
        headers.append(("Content-Type", "application/json"))
        known = '"Brightness"' if rng.random() < 0.5 else f'"{token}"'
        body = f"{{{known}: {rng.random()}}}".encode()
    place = f"/u{token}" + route if rng.random() < 0.2 else route
    return request(
        rng, words, place, words.methods.get(route, ""), headers=headers, fields=fields, body=body, host=host
    )


def _value(rng: Random, name: str, token: str) -> str:
    """Return a value of the kind that a header has, with a part that is new."""
    match name.lower():
        case "x-forwarded-for" | "x-real-ip":
            return f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}"
        case "x-forwarded-prefix":
            return f"/{token}"
        case "x-forwarded-host":
            return f"{token}.local"
        case "accept-language":
            return f"en, x-{token};q=0.5"
        case "if-none-match" | "if-range":
            return f'"{token}"'
        case "range":
            return f"bytes={rng.randrange(10**6)}-"
        case _:
            return token
