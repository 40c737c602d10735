"""The server accepts the addresses of docs/remote-access.md, as the page says."""

import re

import pytest

from soft_stream.web.authority import parse
from soft_stream.web.middleware.host import is_accepted
from tests.docs import pages
from tests.support.checkout import ROOT

PAGE = ROOT / "docs/remote-access.md"
ADDRESSES = sorted(set(re.findall(r"https?://([\w.-]+:80\d\d|[\w.-]+\.ts\.net)/", " ".join(pages.code(PAGE)))))


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_needs_no_setting(address: str) -> None:
    """Each address of the page is accepted without `cam_hosts`, by the process itself too."""
    assert is_accepted(parse(address), (), ())


def test_a_name_of_your_own_needs_the_setting() -> None:
    """The page names a public name, which is accepted only with `cam_hosts`."""
    assert len(ADDRESSES) > 5
    assert "`cam.example.org`" in pages.read(PAGE)
    assert not is_accepted(parse("cam.example.org:8081"), (), ())
    assert is_accepted(parse("cam.example.org:8081"), ("cam.example.org",), ())
