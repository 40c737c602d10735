"""Who sent a request, as its headers say."""

import pytest

from tests.support.server import Portal


@pytest.mark.parametrize(
    ("lines", "peer"),
    [
        (["192.0.2.7"], "192.0.2.7"),
        (["10.0.0.1, 192.0.2.7"], "192.0.2.7"),
        (["10.0.0.1", "192.0.2.7"], "192.0.2.7"),
        (["10.0.0.1, 10.0.0.2", "10.0.0.3 ,\t192.0.2.7 "], "192.0.2.7"),
        (["192.0.2.7:567"], "192.0.2.7"),
        (["FD00:0::7"], "fd00::7"),
        (["[fd00::7]"], "fd00::7"),
        (["[fd00::7]:80"], "fd00::7"),
        (["fe80::7%eth0"], "fe80::7"),
        (["::ffff:192.0.2.7"], "192.0.2.7"),
        (["[::FFFF:c000:207]:80"], "192.0.2.7"),
    ],
)
async def test_the_last_forwarded_address_counts(portal: Portal, lines: list[str], peer: str) -> None:
    """The address that the last proxy has added counts, in whatever line it is; a port and a zone are left out."""
    assert await peer_of(portal, lines) == peer


@pytest.mark.parametrize(
    "lines",
    [
        [""],
        ["10.0.0.1", ""],
        ["10.0.0.1,"],
        ["10.0.0.1, unknown"],
        ["unknown"],
        ["_hidden"],
        ["192.0.2.7 GET /secret"],
        ["192.0.2.7:"],
        ["192.0.2.7:x"],
        ["192.0.2"],
        ["192.0.2.7.1"],
        ["[]"],
        ["[fd00::7"],
        ["fd00::7]:80"],
        ["for=192.0.2.7"],
        ["<script>"],
        ["a" * 5000],
    ],
)
async def test_only_an_address_is_forwarded(portal: Portal, lines: list[str]) -> None:
    """If the last value is no address, the client is the proxy; values before it are what the client claims."""
    assert await peer_of(portal, lines) == "127.0.0.1"


async def peer_of(portal: Portal, lines: list[str]) -> str:
    """Return the address that the server shows for a client with these lines of X-Forwarded-For."""
    headers = [("X-Forwarded-For", line) for line in lines]
    async with portal.http.get("/stream.mjpg", headers=headers) as stream:
        assert stream.status == 200
        (client,) = (await portal.status())["clients"]
        peer: str = client["peer"]
        return peer
