"""Types of settings for the network: addresses, endpoints, origins and names."""

import ipaddress
from typing import Literal

from soft_stream.config import endpoints, host_names
from soft_stream.config.endpoints import Endpoint
from soft_stream.config.value_types import ValueType


def addresses(version: Literal[4, 6] | None = None) -> ValueType:
    """Return the type of a list of IP addresses, all of one version if that is given."""
    loopback = "::1" if version == 6 else "127.0.0.1"

    def parse(text: str) -> tuple[str, ...]:
        found = [
            ipaddress.ip_address(loopback if word == "localhost" else word.strip("[]"))
            for word in text.replace(",", " ").split()
        ]
        if not found or len(set(found)) < len(found) or any(version not in (None, each.version) for each in found):
            raise ValueError(text)
        return tuple(map(str, found))

    examples = {4: "127.0.0.1 or 0.0.0.0", 6: "::1 or ::"}
    example = examples[version] if version else "127.0.0.1 or 0.0.0.0 or ::"
    kind = f"IPv{version}" if version else "IP"
    return ValueType(parse, f"one or more {kind} addresses with spaces between them, such as {example}", "ADDRESS")


def endpoint_list() -> ValueType:
    """Return the type of a list of endpoints, which may be empty."""

    def parse(text: str) -> tuple[Endpoint, ...]:
        found = tuple(endpoints.parse(word) for word in text.replace(",", " ").split())
        if len(set(found)) < len(found):
            raise ValueError(text)
        return found

    return ValueType(
        parse,
        "endpoints with spaces between them, such as https://0.0.0.0:18443 or unix:/run/cam0.sock, or empty",
        "ENDPOINT",
    )


def origins(*, ipv6: bool = True) -> ValueType:
    """Return the type of a list of origins, as browsers send them: in lower case, without a default port."""

    def parse(text: str) -> tuple[str, ...]:
        found = tuple(_origin(word) for word in text.replace(",", " ").split())
        has_ipv6 = any("[" in origin for origin in found)
        if len(set(found)) < len(found) or ("*" in found and len(found) > 1) or (has_ipv6 and not ipv6):
            raise ValueError(text)
        return found

    examples = "http://mainsail.local http://10.0.0.5:8080, or * or empty"
    exception = "" if ipv6 else "; browsers know no IPv6 addresses here"
    return ValueType(parse, f"origins with spaces between them, such as {examples}{exception}", "ORIGIN", ("*",))


def _origin(word: str) -> str:
    if word == "*":
        return word
    url = endpoints.split_http_url(word.lower())
    host = endpoints.in_url(url.hostname or "")
    is_usual = url.port in (None, {"http": 80, "https": 443}[url.scheme])
    return f"{url.scheme}://{host}" + ("" if is_usual else f":{url.port}")


def hosts() -> ValueType:
    """Return the type of a list of DNS names, which may be empty; `*.NAME` is each name below NAME."""

    def parse(text: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_host(word) for word in text.replace(",", " ").split()))

    return ValueType(
        parse,
        "DNS names without a scheme or port, such as cam.example.org, or *.example.org for every name below "
        "example.org, with spaces between them, or empty; IP addresses are always accepted",
        "NAME",
    )


def _host(word: str) -> str:
    wildcard = "*." if word.startswith("*.") else ""
    name = host_names.normalize(word.removeprefix(wildcard))
    if host_names.ends_in_number(name):
        raise ValueError(word)
    return wildcard + name
