"""DNS names of machines, in the one form in which they are compared."""

import re
from collections.abc import Iterable

LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
MAX_LENGTH = 253
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
# Domains of local networks, in which no one else can register a name. Only names below them are accepted: the name
# fritz.box itself is that of a router, and also exists in the public DNS.
LOCAL_DOMAINS = (
    "*.local",
    "*.lan",
    "*.home",
    "*.internal",
    "*.localdomain",
    "*.home.arpa",
    "*.fritz.box",
    "*.ts.net",
)


def normalize(name: str) -> str:
    """Return a DNS name in lower case, without a dot at its end, and in Punycode where it is not ASCII.

    Raises:
        ValueError: the text is not a DNS name.
    """
    if len(name) > MAX_LENGTH + 1:  # some releases of idna need seconds for long texts (CVE-2024-3651)
        raise ValueError(name)
    if not name.isascii():
        name = _encode(name)
    name = name.lower().removesuffix(".")
    if len(name) > MAX_LENGTH or not all(map(LABEL.fullmatch, name.split("."))):
        raise ValueError(name)
    return name


def _encode(name: str) -> str:
    try:
        import idna
    except ModuleNotFoundError:  # the first deployment of a machine to itself, which only checks the settings
        return name.encode("idna").decode("ascii")  # raises UnicodeError, a ValueError
    return idna.encode(name, uts46=True).decode("ascii")  # raises idna.IDNAError, a ValueError


def ends_in_number(name: str) -> bool:
    """Return True for a name that browsers never look up in DNS: they read it as an IPv4 address, such as `127.1`.

    https://url.spec.whatwg.org/#ends-in-a-number-checker
    """
    return NUMBER.fullmatch(name.rpartition(".")[2]) is not None


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Return True if a name is one of the patterns, or below NAME of a pattern `*.NAME`."""
    return any(name == each or (each.startswith("*.") and name.endswith(each[1:])) for each in patterns)


def is_public(name: str) -> bool:
    """Return True for a name that is accepted only if it is configured, or a name of the machine."""
    return "." in name and not matches(name, LOCAL_DOMAINS)
