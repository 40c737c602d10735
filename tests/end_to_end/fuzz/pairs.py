"""Requests that try all pairs: each route with each header, parameter and method, each control with each kind of JSON.

Chance alone misses many of these pairs in a run of CI. All requests here are complete, and most have one odd value at
most: with two, the first one is refused, and the second one is never read.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from random import Random

from tests.end_to_end.fuzz import values
from tests.end_to_end.fuzz.answers import KNOWN_HEADERS
from tests.end_to_end.fuzz.conversations import (
    METHODS,
    ODD_METHODS,
    OTHER_HEADERS,
    PREFIXES,
    Conversation,
    parameter_value,
)
from tests.end_to_end.fuzz.dictionary import Words

Fields = list[str]
Headers = list[tuple[str, str]]
# A request, and whether the connection can go on behind it.
Request = tuple[bytes, bool]
Maker = Callable[[Random], Request]
# Requests of a connection, one after the other: more pairs in the same number of inputs.
TOGETHER = 6
# Requests of a route with many valid headers and parameters at once, for what only several of them cause.
CROWDED = 30
# These decide how the bytes behind the head are read, or end the connection.
FRAMING = {
    "connection",
    "content-length",
    "transfer-encoding",
    "expect",
    "upgrade",
    "te",
    "trailer",
    "content-encoding",
}
# The page of / is one of several answers of older programs, which its query chooses.
ACTIONS = ("action=stream", "action=snapshot", "action=command", "stream", "snapshot", "info", "shutdown")
STREAMS = ("stream", "action=stream")
ORIGINS = ("http://127.0.0.1", "http://127.0.0.1:80", "https://127.0.0.1", "http://pi", "http://evil.example", "null",
           "", "file://", "127.0.0.1", "*", "HTTP://127.0.0.1/", "http://[::1")  # fmt: skip
SITES = ("same-origin", "same-site", "cross-site", "none", "", "x", "same-origin, cross-site")
PAGES = (*ORIGINS, "http://127.0.0.1/cam0/?x=1", "http://evil.example/page")
# One value of each kind that JSON has, as it is written.
KINDS = (
    "null", "true", "false", "0", "1", "-1", "7", "0.5", "-0.0", "1.0", "1e2", "1e999", "NaN", "-Infinity",
    "123456789012", '""', '"1"', '"x"', '"true"', '"1,2"', '"0,0,640,480"', "[]", "[1]", "[0.5]", '["1"]', "[null]",
    "[true, false]", "[[]]", "[[1, 2, 3, 4]]", "[0, 0, 640, 480]", "[0.0, 0.0, 640.0, 480.0]", "[0, 0, 640.5, 480]",
    "[1, 2, 3]", "[1, 2, 3, 4, 5]", "[-1, -1, 0, 0]", "[1, null, 3, 4]", "[{}, 1, 2, 3]", "{}", '{"x": 1}',
    '{"min": 0, "max": 1}',
)  # fmt: skip
FORM_VALUES = ("", "=", "=1", "=0.5", "=x", "=true", "=0,0,640,480", "=1&{0}=2", "=null", "=%5B%5D")
TYPES = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=B", "text/plain", "")
# What cameras have, and what the settings and the pages name; the camera of the tests has only some of them.
OTHER_CONTROLS = (
    "AeExposureMode", "AwbEnable", "AwbMode", "ExposureValue", "FrameDurationLimits", "HdrMode", "Sharpness",
    "AfMetering", "AfRange", "AfSpeed", "AfTrigger", "NoiseReductionMode", "ScalerCrops", "AnalogueGainMode",
    "brightness", "", "__class__",
)  # fmt: skip
READABLE_TARGET, READABLE_VALUE = re.compile(r"[!-~]{1,4000}"), re.compile(r"[\t -~\x80-\xff]{0,1000}")
CONTROL = re.compile(r"[\0-\x08\x0a-\x1f\x7f]")


def conversations(rng: Random, words: Words) -> list[Conversation]:
    """Return conversations with all pairs, in random order."""
    requests = [
        each(rng)
        for make in (_crowded, _headers, _parameters, _methods, _origins, _bodies)
        for each in make(rng, words)
    ]
    return in_groups(rng, requests)


def in_groups(rng: Random, requests: list[Request]) -> list[Conversation]:
    """Return conversations of these requests, in random order; several are on one connection where that can go on."""
    rng.shuffle(requests)
    alone = [data for data, goes_on in requests if not goes_on]
    others = [data for data, goes_on in requests if goes_on]
    groups = [others[at : at + TOGETHER] for at in range(0, len(others), TOGETHER)]
    # an empty line in front of a request is allowed, and shows where it begins
    found = [
        Conversation((b"\r\n".join(group),), requests=len(group)) for group in (*groups, *([each] for each in alone))
    ]
    rng.shuffle(found)
    return found


def request(
    rng: Random,
    words: Words,
    route: str,
    method: str = "",
    *,
    headers: Headers | None = None,
    fields: Fields | None = None,
    body: bytes = b"",
    host: str = "127.0.0.1",
) -> Request:
    """Return a request, and whether the connection can go on behind it."""
    path, _, action = route.partition("?")
    prefix = rng.choice(PREFIXES[:2]) if rng.random() < 0.1 else ""
    query = "&".join(([action] if action else []) + (fields or []))
    target = prefix + path + ("?" + query if query else "")
    method = method or words.methods.get(path, "GET")
    lines = [f"{method} {target} HTTP/1.1", *([f"Host: {host}"] if host else [])]
    lines += [f"{name}: {values.one_line(value)}" for name, value in headers or []]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    ends = path.rpartition("/")[2].startswith("stream") or action.startswith(STREAMS)
    names = [name.lower() for name, _ in headers or []]
    # the parser refuses all requests of a piece when it cannot read one of them
    is_readable = (
        READABLE_TARGET.fullmatch(target)
        and all(READABLE_VALUE.fullmatch(value) for _, value in headers or [])
        and len({*names}) == len(names)
    )
    goes_on = bool(
        is_readable and not (ends or FRAMING & {*names} or method in ODD_METHODS or path.endswith("/pause") or not host)
    )
    if not goes_on:
        lines.append("Connection: close")
    head = "".join(f"{line}\r\n" for line in lines).encode("utf-8" if rng.random() < 0.5 else "latin-1", "replace")
    return head + b"\r\n" + body, goes_on


def routes(words: Words) -> list[str]:
    """Return the paths of all routes, one of each kind of file, one that does not exist, and the actions of `/`."""
    static = [path for path in words.paths if path.startswith("/static/")]
    kinds = {path.rpartition(".")[2]: path for path in static}
    return [
        *(path for path in words.paths if path not in static),
        *sorted(kinds.values()),
        "/nothing",
        *(f"/?{action}" for action in ACTIONS),
    ]


def header_names(words: Words) -> list[str]:
    """Return the names of all headers that a request may have: those of the product first."""
    read = [name for name in words.headers if name.lower() not in KNOWN_HEADERS and not name.isupper()]
    return [*read, *sorted({*OTHER_HEADERS} - {*read})]


def near(words: Words, route: str) -> list[str]:
    """Return the parameters that the module of a route reads."""
    return words.near.get(route.partition("?")[0], words.parameters)


def _crowded(_: Random, words: Words) -> Iterator[Maker]:
    """Yield requests with many headers and parameters, all of them mostly valid."""
    names = [name for name in header_names(words) if name.lower() not in FRAMING | {"host", "origin", "referer"}]

    def one(route: str, rng: Random) -> Request:
        headers = [(name, values.header(rng, words, name)) for name in rng.sample(names, rng.choice((2, 5, 9)))]
        # most of these are refused
        headers = [
            (name, "same-origin" if name == "Sec-Fetch-Site" else CONTROL.sub("", value)) for name, value in headers
        ]
        own = rng.sample(words.parameters, 2) + rng.choices(near(words, route), k=rng.choice((0, 1, 3)))
        fields = [f"{name}={values.encoded(rng, valid(rng, words, name))}" for name in own]
        if rng.random() < 0.15:
            fields.append(rng.choice((*words.parameters, *words.tokens[:200])))
        return request(rng, words, route, headers=headers, fields=fields)

    return (partial(one, route) for route in routes(words) for _ in range(CROWDED))


def valid(rng: Random, words: Words, name: str) -> str:
    """Return a value that a parameter may have."""
    if allowed := words.choices.get(name):
        return rng.choice(allowed)
    if name in words.bounds:
        low, high = words.bounds[name]
        value = rng.choice((low, high, low + (high - low) * rng.random() ** rng.choice((1, 3, 9))))
        return f"{value:.{rng.choice((0, 0, 1, 3))}f}"
    return rng.choice(("x", "a b", "0", "é", str(rng.randrange(1000)), "n" * 60))


def _headers(_: Random, words: Words) -> Iterator[Maker]:
    """Yield each route with each header, and each method with each header."""

    def one(route: str, method: str, name: str, rng: Random) -> Request:
        value = values.header(rng, words, name)
        value = value if rng.random() < 0.1 else CONTROL.sub("", value)
        headers = [(name if rng.random() < 0.8 else name.lower(), value)]
        if rng.random() < 0.1:  # in two lines
            headers.append((name, values.header(rng, words, name)))
        if name.lower() in ("host", "content-length"):
            return request(rng, words, route, method, headers=[*headers, ("Connection", "close")], host="")
        return request(rng, words, route, method, headers=headers)

    names = header_names(words)
    read = [name for name in names if name not in OTHER_HEADERS]
    every = routes(words)
    yield from (partial(one, route, "", name) for route, name in product(every, (*names, *read)))
    yield from (
        partial(one, path, method, name) for path, method, name in product(every[::8], sorted({*METHODS}), read)
    )


def _parameters(rng: Random, words: Words) -> Iterator[Maker]:
    """Yield each route with each parameter: without a value, at its bounds, with odd values, and twice."""
    levels: tuple[Callable[[Random, str], Fields], ...] = (
        lambda _, name: [name],
        lambda rng, name: ["x=1", f"{name}={valid(rng, words, name)}", name],
        lambda _, name: [f"{name}="],
        lambda rng, name: [f"{name}={values.encoded(rng, values.number(rng, words))}"],
        lambda rng, name: [f"{name}={values.encoded(rng, values.text(rng, words))}"],
        lambda rng, name: [f"{name}={values.encoded(rng, parameter_value(rng, words, name))}"],
        lambda rng, name: [f"{name}={valid(rng, words, name)}", f"{name}={valid(rng, words, name)}"],
        lambda rng, name: [f"{name.upper()}={valid(rng, words, name)}"],
        lambda rng, name: [f"{name}[]={valid(rng, words, name)}"],
    )

    def one(route: str, name: str, level: Callable[[Random, str], Fields], rng: Random) -> Request:
        fields = [values.in_target(field) for field in level(rng, name)]
        if rng.random() < 0.4:
            fields.insert(0, rng.choice(("x=1", "t=1700000000000", "client=me")))
        return request(rng, words, route, fields=fields)

    bare = [each.partition("=")[0] for each in ACTIONS]
    for route in routes(words):
        own = {*near(words, route)}
        yield from (partial(one, route, name, levels[0]) for name in (*words.parameters, *bare))
        for name in words.parameters:
            chosen = levels[1:] if name in own and route in words.methods else rng.sample(levels[1:], 2)
            yield from (partial(one, route, name, level) for level in chosen)


def _methods(_: Random, words: Words) -> Iterator[Maker]:
    """Yield each route with each method, with and without a body and a query."""

    def one(route: str, method: str, rng: Random) -> Request:
        body = rng.choice((b"", b"", b"{}", b"a=b"))
        headers = [("Content-Type", rng.choice(TYPES[:2]))] if body else []
        name = rng.choice(near(words, route))
        fields = [f"{name}={values.encoded(rng, valid(rng, words, name))}"] if rng.random() < 0.5 else []
        return request(rng, words, route, method, headers=headers, fields=fields, body=body)

    ordinary = sorted({*METHODS})
    rare = [method for method in ODD_METHODS if method.isascii() and method.strip().replace("-", "").isalpha()]
    return (partial(one, route, method) for route in routes(words) for method in (*ordinary, *ordinary, *rare[:4]))


def _origins(_: Random, words: Words) -> Iterator[Maker]:
    """Yield what says which page sent a request, each with each, for what changes something and for what does not."""

    def one(route: str, method: str, headers: Headers, rng: Random) -> Request:
        if rng.random() < 0.2:
            headers = [*headers, ("X-Forwarded-Host", rng.choice(values.HOSTS[:8]))]
        if rng.random() < 0.3:
            headers = [*headers, ("User-Agent", rng.choice(values.AGENTS[:3]))]
        if rng.random() < 0.15:
            headers = [*headers, rng.choice(headers)] if headers else headers
        return request(rng, words, route, method, headers=headers)

    changing = [path for path, method in words.methods.items() if method == "POST"]
    for path in changing:
        for origin, site in product((None, *ORIGINS), (None, *SITES)):
            pairs = (("Origin", origin), ("Sec-Fetch-Site", site))
            yield partial(one, path, "POST", [(name, value) for name, value in pairs if value is not None])
    for name, given in (("Referer", PAGES), ("Origin", ORIGINS), ("Sec-Fetch-Site", SITES)):
        for value, (route, method) in product(
            given, (("/?action=command", "GET"), ("/", "GET"), ("/snapshot.jpg", "OPTIONS"), ("/arm", "DELETE"))
        ):
            preflight = [("Access-Control-Request-Method", "POST")] if method == "OPTIONS" else []
            yield partial(one, route, method, [(name, value), *preflight])


def _bodies(_: Random, words: Words) -> Iterator[Maker]:
    """Yield each control with each kind of JSON, each kind as the whole body, and forms with each control."""

    def one(text: str, content_type: str, rng: Random) -> Request:
        fields = [rng.choice(("keep=1", "keep", "x=1", "keep=0"))] if rng.random() < 0.15 else []
        headers = [("Content-Type", content_type)] if content_type else []
        return request(rng, words, "/controls", headers=headers, fields=fields, body=text.encode())

    names = [*(control.name for control in values.CONTROLS), *OTHER_CONTROLS]
    for name, kind in product(names, KINDS):
        yield partial(one, f"{{{json.dumps(name)}: {kind}}}", "application/json")
    for kind, content_type in product(("", " ", *KINDS), TYPES):
        yield partial(one, kind, content_type)
    for name, value in product(names, FORM_VALUES):
        yield partial(one, name + value.format(name), TYPES[1])
    for path, method in words.methods.items():
        if method == "POST" and path != "/controls":
            yield from (partial(_posted, words, path, kind) for kind in KINDS)


def _posted(words: Words, path: str, text: str, rng: Random) -> Request:
    headers = [("Content-Type", rng.choice(TYPES))]
    return request(rng, words, path, headers=headers, body=text.encode())
