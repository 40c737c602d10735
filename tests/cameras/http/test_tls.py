"""Certificates of servers: they are verified, and others than those of the system can be accepted."""

from dataclasses import replace
from pathlib import Path

import pytest

from soft_stream.cameras.base import CameraMissing
from soft_stream.cameras.http.camera import HttpCamera
from tests.support.certificates import make
from tests.support.mjpeg_server import serving
from tests.support.server import QUICK


def open_with(tmp_path: Path, *, names: str = "IP:127.0.0.1", trusted: str = "own") -> None:
    """Open a camera of a server with a certificate for some names; `trusted` is the one in the setting."""
    pair = make(tmp_path, names=names)
    other = make(tmp_path, "other")
    (tmp_path / "broken.pem").write_text("no certificate")
    files = {"own": pair.certificate, "other": other.certificate, "": "", "broken": tmp_path / "broken.pem"}
    file = str(files.get(trusted, trusted))
    with serving(tls=pair.serving()) as server:
        camera = HttpCamera(replace(QUICK, source="http", url=server.url, url_certificate=file, start_timeout=2.0))
        try:
            camera.open()
            camera.capture(2.0)
        finally:
            camera.close()


def test_a_certificate_of_the_setting(tmp_path: Path) -> None:
    """A server with a certificate that it has signed itself is accepted if the setting has that."""
    open_with(tmp_path)


@pytest.mark.parametrize(
    ("names", "trusted", "sentence"),
    [
        ("IP:127.0.0.1", "", "has a certificate that is not trusted: self-signed certificate"),
        ("IP:127.0.0.1", "other", "has a certificate that is not trusted: "),
        ("DNS:elsewhere.example", "own", "has a certificate that is not trusted: IP address mismatch"),
        ("IP:127.0.0.1", "broken", "broken.pem cannot be read: "),
        ("IP:127.0.0.1", "/nowhere.pem", "the certificates in /nowhere.pem cannot be read: No such file or directory"),
    ],
)
def test_certificates_that_are_refused(tmp_path: Path, names: str, trusted: str, sentence: str) -> None:
    """The sentence says why, and a login is not sent."""
    with pytest.raises(CameraMissing) as raised:
        open_with(tmp_path, names=names, trusted=trusted)
    assert sentence in str(raised.value)


def test_tls_with_a_server_that_has_none(tmp_path: Path) -> None:
    """It is a fault like any other."""
    with serving() as server:
        url = server.url.replace("http:", "https:")
        camera = HttpCamera(replace(QUICK, source="http", url=url, start_timeout=2.0))
        with pytest.raises(CameraMissing, match=r"sends no picture within 4 s"):
            camera.open()
