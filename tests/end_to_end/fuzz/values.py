"""Values for parameters, headers and bodies: those that the product knows, those at bounds, and odd ones.

All functions take the generator of random numbers of the run, so that the same seed makes the same inputs.
"""

import json
from random import Random
from typing import Any
from urllib.parse import quote

from soft_stream.cameras.base import Control
from soft_stream.cameras.synthetic.controls import list_controls
from tests.end_to_end.fuzz.dictionary import Words
from tests.support.logins import login_of

# What real cameras have besides: a switch, an area, and a pair.
MORE_CONTROLS = (
    Control("AeEnable", "bool", 1, False, True, True),
    Control("AfWindows", "rectangle", 4, (0, 0, 1, 1), (0, 0, 4608, 2592), None),
    Control("ColourGains", "float", 2, 0.0, 32.0, None),
)
# all that the camera of the tests has
CONTROLS = [*list_controls((4608, 2592), has_autofocus=True), *MORE_CONTROLS]
BOUNDS = (0, 1, 2, 7, 8, 9, 15, 16, 17, 99, 100, 101, 127, 128, 255, 256, 4095, 4096, 8190, 16383, 16384, 65535, 65536)
HUGE = (2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63, 2**64, 10**30)
LONGEST_EXPOSURE = 20_000  # microseconds
# Logins of tests/support/logins.py, none of which may control camera 0; a server without users ignores them.
AUTHORIZATIONS = (
    *(login_of(name)["Authorization"] for name in ("vera", "nina", "nora", "see", "next", "old")),
    *("Basic", "Bearer", "Basic =", "Basic 5Dr/", "Digest username=x", "bearer css_", "Basic " + "A" * 9000),
)
ODD_NUMBERS = (
    "-1",
    "-0",
    "+1",
    "1e3",
    "1e999",
    "0x10",
    "1_000",
    "1,5",
    "nan",
    "inf",
    "-inf",
    "٣",
    "²",
    "1.",
    ".5",
    " 1",
)
ODD_TEXTS = (
    "", " ", "\0", "\r\nX-Injected: 1", "%", "%%", "%zz", "%00", "%0d%0aX-Injected:%201", "%c0%af", "%ff", "\xff",
    "\ud800", "é", "\u202e", "🎥", "../", "..%2f..%2fetc%2fpasswd", "<script>", "'\"", "${7*7}", "{{7*7}}", "a" * 300,
    "A" * 9000, "null", "true", "[]", "{}", "*", ",", ";", "&", "=", "?", "#", "\\", "[", "]:", "::", "\t", "\x7f",
)  # fmt: skip
HOSTS = (
    "127.0.0.1", "localhost", "[::1]", "[::1]:8080", "pi.local:80", "pi", "evil.example", "127.0.0.1:0", "[::", "a:b:c",
    "x.home.arpa", "\xff", "", "127.0.0.1:99999", "user@pi", "pi/..", "[fe80::1%25eth0]", "1.2.3", "0x7f.1", "xn--a",
)  # fmt: skip
LANGUAGES = ("cs", "en", "de", "cs-CZ", "en-US", "*", "zh-Hans-CN", "x", "i-klingon", "a" * 40)
ETAGS = ('"x"', 'W/"x"', "*", '"', 'W/"', '"a", "b"', "x", '"\xff"')
TYPES = (
    "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=B", "text/plain", "",
    "application/json; charset=utf-16", "application/json; charset=nope", "application/json; charset=\xff",
    "application/json; charset=idna", "application/json; charset=base64", "multipart/form-data", "a/b/c", ";;", "/",
)  # fmt: skip
CODINGS = ("gzip", "deflate", "br", "zstd", "identity", "compress", "x-gzip", "gzip, gzip", "\xff", "")
ODD_BODIES = (
    "{", "[" * 3000, '{"a":' * 2000, "1" * 5000, '{"Brightness":1' + "0" * 5000 + "}", "NaN", "\0", "{}", "\ufeff{}",
    '{"Brightness":1e999}', '{"Brightness":NaN}', '{"a":"\\ud800"}', '{"Brightness":0,"Brightness":1}', "[1]",
)  # fmt: skip
AGENTS = ("Mozilla/5.0 Chrome/120", "Mozilla/5.0 Firefox/120.0", "curl/8", "", "\xff", "MOZILLA/")


def number(rng: Random, words: Words) -> str:
    """Return a number, with all orders of magnitude alike, often one at or beside a bound."""
    kind = rng.random()
    if kind < 0.3:
        return str(int(10 ** rng.uniform(0, 4.4)))
    if kind < 0.45:
        return str(rng.choice(BOUNDS) + rng.randint(-1, 1))
    if kind < 0.65:
        base = rng.choice(words.numbers)
        return f"{base + rng.choice((-1, 0, 0, 0, 1)):.15g}"
    if kind < 0.8:
        return f"{rng.choice((0, 0, 1, 10, 100)) + rng.random():.{rng.randint(1, 3)}f}"
    return rng.choice(ODD_NUMBERS) if kind < 0.92 else str(rng.choice(HUGE) * rng.choice((1, -1)))


def text(rng: Random, words: Words) -> str:
    """Return a word of the product, a number, an odd text, or random characters."""
    kind = rng.random()
    if kind < 0.35:
        return rng.choice(words.tokens)
    if kind < 0.6:
        return number(rng, words)
    if kind < 0.65:
        return rng.choice("ax0-é") * rng.choice((41, 61, 101, 250, 1000))
    if kind < 0.85:
        return rng.choice(ODD_TEXTS)
    return "".join(chr(rng.choice((rng.randrange(128), rng.randrange(256)))) for _ in range(rng.randint(1, 12)))


def header(rng: Random, words: Words, name: str) -> str:
    """Return a value for a header, mostly one of the kind that it has."""
    if rng.random() < 0.2:
        return text(rng, words)
    match name.lower():
        case "host" | "x-forwarded-host":
            return rng.choice(HOSTS)
        case "origin" | "referer":
            return rng.choice(("http://", "https://", "null", "HTTP://", "", "file://", "a:")) + rng.choice(HOSTS)
        case "accept-language":
            items = [rng.choice(LANGUAGES) + rng.choice(("", ";q=" + number(rng, words), ";q=", ";q=0." + digits(rng)))
                     for _ in range(rng.randint(1, 4))]  # fmt: skip
            return rng.choice((",", ", ", ";")).join(items)
        case "x-forwarded-for" | "forwarded" | "x-real-ip":
            return ", ".join(rng.choice(HOSTS) for _ in range(rng.randint(1, 4)))
        case "x-forwarded-prefix":
            return rng.choice(("/", "/cam0", "/cam1/", "//", "/é", "cam0", "/" + "a" * 200))
        case "x-forwarded-proto":
            return rng.choice(("http", "https", "HTTPS", "ftp", "http, https"))
        case "if-none-match" | "if-match" | "etag":
            return rng.choice(ETAGS)
        case "content-type" | "accept":
            return rng.choice((*TYPES, "*/*", "image/*", "image/avif,image/webp,*/*;q=0.8"))
        case "content-encoding" | "accept-encoding" | "te":
            return rng.choice(CODINGS)
        case "user-agent":
            return rng.choice(AGENTS)
        case "cookie":
            return "; ".join(f"{digits(rng)}={text(rng, words)}" for _ in range(rng.choice((1, 3, 40))))
        case "authorization" | "proxy-authorization":
            return rng.choice(AUTHORIZATIONS)
        case "content-length" | "max-forwards" | "age":
            return number(rng, words)
        case "connection":
            return rng.choice(("close", "keep-alive", "upgrade", "Upgrade, close", "x"))
        case "sec-fetch-site":
            return rng.choice(("same-origin", "same-origin", "same-site", "cross-site", "none"))
        case "upgrade":
            return rng.choice(("websocket", "h2c", "TLS/1.0", "x"))
        case "expect":
            return rng.choice(("100-continue", "100-Continue", "200-ok", ""))
        case "range":
            return rng.choice(("bytes=0-", "bytes=-1", "bytes=9-1", "bytes=0-0,2-3", "x=1-2", "bytes="))
        case _:
            return text(rng, words)


def digits(rng: Random) -> str:
    """Return up to three digits."""
    return str(rng.choice((1, 12, 123, 5, 50, 500, rng.randrange(1000))))


def encoded(rng: Random, value: str) -> str:
    """Return a value as it is in a query: mostly percent-encoded, sometimes raw."""
    if rng.random() < 0.15:
        return value
    return quote(value.encode("utf-8", "surrogatepass"), safe=rng.choice(("", "/", "/:,;=@")))


def one_line(value: str) -> str:
    """Return a value of a header without what would end the line or the request."""
    return value.replace("\r", "").replace("\n", "").replace("\ud800", "").replace("\0", "")


def in_target(text: str) -> str:
    """Return a part of a request target without what would end the line."""
    return text.replace(" ", "%20").replace("\r", "%0d").replace("\n", "%0a").replace("\0", "%00")


def json_value(rng: Random, words: Words, depth: int = 0) -> Any:
    """Return a value for a control, from a plain number to nested lists."""
    kind = rng.random()
    if kind < 0.4:
        typed = number(rng, words)
        try:
            return rng.choice((float, int))(typed)
        except (ValueError, OverflowError):
            return typed
    if kind < 0.6:
        return text(rng, words)
    if kind < 0.75 or depth > 3:
        return rng.choice((None, True, False, 0, 1, 0.5, -1, ""))
    if kind < 0.93:
        return [json_value(rng, words, depth + 1) for _ in range(rng.choice((0, 1, 2, 4, 4)))]
    return {text(rng, words): json_value(rng, words, depth + 1) for _ in range(rng.randint(0, 3))}


def control_value(rng: Random, words: Words, control: Control) -> Any:
    """Return a value for a control; an exposure that the camera accepts is short, since frames take as long."""
    value = _any_control_value(rng, words, control)
    is_long = control.name == "ExposureTime" and isinstance(value, int | float) and value > LONGEST_EXPOSURE
    return value % LONGEST_EXPOSURE if is_long and value <= 10_000_000 else value


def _any_control_value(rng: Random, words: Words, control: Control) -> Any:
    """Return a value for a control, in half of the cases one that the camera accepts."""
    if rng.random() < 0.5:
        return rng.choice((json_value(rng, words), control.default, None))
    if not isinstance(control.min, int | float) or not isinstance(control.max, int | float):
        return [rng.randint(0, 200) for _ in range(control.count)]
    value = rng.uniform(control.min, control.max)
    return value if control.kind == "float" else round(value)


def json_text(rng: Random, words: Words) -> str:
    """Return the body of `POST /controls`: mostly an object with names of controls."""
    kind = rng.random()
    if kind < 0.8:
        wanted = {each.name: control_value(rng, words, each) for each in rng.sample(CONTROLS, rng.choice((1, 1, 2, 4)))}
        if rng.random() < 0.1:
            wanted[text(rng, words)] = json_value(rng, words)
        return json.dumps(wanted, ensure_ascii=rng.random() < 0.5)
    if kind < 0.9:
        return json.dumps(json_value(rng, words))
    return rng.choice(ODD_BODIES)
