"""Hosts and ports as clients write them."""

import pytest

from soft_stream.web.authority import Authority, parse


@pytest.mark.parametrize(
    ("text", "host", "port", "is_address"),
    [
        ("pi", "pi", None, False),
        ("pi:", "pi", None, False),
        ("PI.Local.:0080", "pi.local", 80, False),
        ("my_pi:65535", "my_pi", 65535, False),
        ("xn--mller-kva.example", "xn--mller-kva.example", None, False),
        ("Müller.example:1", "xn--mller-kva.example", 1, False),
        ("127.0.0.1:18081", "127.0.0.1", 18081, True),
        ("127.0.0.1.:80", "127.0.0.1", 80, True),
        ("[::1]", "::1", None, True),
        ("[0:0:0:0:0:0:0:1]:80", "::1", 80, True),
        ("[FE80::1%25eth0]:80", "fe80::1", 80, True),
        ("[fe80::1%eth0]", "fe80::1", None, True),
        ("127.1", "127.1", None, False),
        ("0x7f.1", "0x7f.1", None, False),
    ],
)
def test_hosts(text: str, host: str, port: int | None, is_address: bool) -> None:
    """Names get one form, and so do addresses; what only looks like an address is none."""
    assert parse(text) == Authority(host, port, is_address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1..",
        ":80",
        "pi:65536",
        "pi:٨٠",
        "pi:-1",
        "pi:80:80",
        "evil.example:80@127.0.0.1",
        "user@pi",
        "pi/",
        "pi?",
        "pi#",
        "pi\\",
        "pi%00.local",
        "pi pi",
        "a,b",
        "*",
        ".",
        "..",
        "a..b",
        "pi.local..",
        "-pi.local",
        "a" * 64,
        "a." * 127 + "a",
        "\u0136" * 8000,
        "\udcff",
        "pi\udcff.local",
        "::1",
        "[::1",
        "::1]",
        "[::1]x",
        "[]",
        "[1.2.3.4]",
        "[v1.fe]",
        "[pi]",
    ],
)
def test_what_is_no_host(text: str) -> None:
    """Everything else is an error, never a host that was cut out of it."""
    with pytest.raises(ValueError):  # noqa: PT011 # it has no other text than the value
        parse(text)
