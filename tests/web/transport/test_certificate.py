"""The certificate: loaded at the start, loaded again after a renewal, and the errors of one that cannot be used."""

import asyncio
import logging
import os
import shutil
import ssl
from pathlib import Path

import pytest

from soft_stream.config.endpoints import Endpoint
from soft_stream.web.transport import certificate
from soft_stream.web.transport.certificate import Certificate, CertificateError
from tests.support import certificates
from tests.support.certificates import Pair
from tests.support.multipart_reader import StreamReader
from tests.support.processes import free_port, run
from tests.support.server import Portal, StartPortal


class Renewed:
    """A portal whose certificate is two links into another folder, as certbot leaves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = Pair(folder / "fullchain.pem", folder / "privkey.pem")
        self.port = free_port()
        self.portal: Portal

    def point_to(self, certificate: Path, key: Path) -> None:
        """Replace both links, each of them atomically."""
        for link, target in zip(self.files, (certificate, key), strict=True):
            new = link.with_suffix(".new")
            new.symlink_to(target)
            new.rename(link)

    async def greeting(self) -> str:
        """Connect, and return the name in the certificate of the server."""
        trusting = ssl.create_default_context()
        for file in self.folder.glob("archive*.pem"):
            if "key" not in file.name:
                trusting.load_verify_locations(file)
        _, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=trusting)
        ((_, name),) = writer.get_extra_info("peercert")["subject"][0]
        writer.close()
        await writer.wait_closed()
        return str(name)


@pytest.fixture
async def renewed(start_portal: StartPortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Renewed:
    """A portal that checks its certificate often."""
    monkeypatch.setattr(certificate, "CHECK_INTERVAL", 0.02)
    renewed = Renewed(tmp_path)
    renewed.point_to(*certificates.make(tmp_path, "archive1"))
    files = {"tls_certificate": str(renewed.files.certificate), "tls_key": str(renewed.files.key)}
    renewed.portal = await start_portal(listen=(Endpoint("https", "127.0.0.1", renewed.port),), **files)
    return renewed


async def said(caplog: pytest.LogCaptureFixture, sentence: str) -> None:
    """Wait until the log contains a text."""
    while sentence not in caplog.text:  # noqa: ASYNC110 # a log has no event
        await asyncio.sleep(0.01)


async def test_new_connections_get_a_renewed_certificate(renewed: Renewed, caplog: pytest.LogCaptureFixture) -> None:
    """It is loaded when the links point to other files; open streams go on."""
    caplog.set_level(logging.INFO)
    trusting = Pair(renewed.folder / "archive1.pem", Path()).trusting()
    stream = await StreamReader.get(renewed.port, trusting=trusting)
    await stream.opening()
    assert await renewed.greeting() == "archive1"
    renewed.point_to(*certificates.make(renewed.folder, "archive2"))
    await said(caplog, f"Certificate reloaded: {renewed.files.certificate}")
    assert await renewed.greeting() == "archive2"
    await stream.part()
    stream.writer.transport.abort()


async def test_half_a_renewal_changes_nothing(renewed: Renewed, caplog: pytest.LogCaptureFixture) -> None:
    """While certificate and key do not match the old pair stays in use, which is logged once; then the new one."""
    caplog.set_level(logging.INFO)
    new = certificates.make(renewed.folder, "archive2")
    renewed.point_to(new.certificate, renewed.folder / "archive1-key.pem")
    await said(caplog, "cannot be used, so the old one stays in use: the key")
    await asyncio.sleep(0.2)
    assert caplog.text.count("so the old one stays in use") == 1
    assert await renewed.greeting() == "archive1"
    renewed.point_to(*new)
    await said(caplog, "Certificate reloaded")
    assert await renewed.greeting() == "archive2"


async def test_a_key_that_is_away_for_a_moment_ends_nothing(
    renewed: Renewed, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be removed and written again at any moment, and the next certificate is still loaded."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(certificate, "CHECK_INTERVAL", 0)
    key = renewed.folder / "archive1-key.pem"
    text = key.read_text()
    for _ in range(300):
        key.unlink()
        await asyncio.sleep(0)
        key.write_text(text)
        await asyncio.sleep(0.001)
    renewed.point_to(*certificates.make(renewed.folder, "archive2"))
    caplog.clear()
    await said(caplog, "Certificate reloaded")
    assert await renewed.greeting() == "archive2"


async def reason(certificate: Path, key: Path) -> str:
    """Load files that cannot be used, and return the error."""
    with pytest.raises(CertificateError) as error:
        await Certificate(certificate, key).read()
    return str(error.value)


async def test_what_cannot_be_used(tmp_path: Path) -> None:
    """The error names the file and what is wrong with it."""
    good, other = certificates.make(tmp_path, "good"), certificates.make(tmp_path, "other")
    missing, nonsense, cut = tmp_path / "missing.pem", tmp_path / "nonsense.pem", tmp_path / "cut.pem"
    nonsense.write_text("nonsense")
    cut.write_text("".join(good.certificate.read_text().splitlines(keepends=True)[:3]))
    locked = certificates.make(tmp_path, "locked", password="secret")  # noqa: S106 # of a key that nobody uses
    assert await reason(missing, good.key) == f"the certificate {missing} cannot be read: No such file or directory"
    assert await reason(good.certificate, missing) == f"the key {missing} cannot be read: No such file or directory"
    assert await reason(nonsense, good.key) == f"there is no certificate in {nonsense} (PEM)"
    assert await reason(good.certificate, good.certificate) == f"there is no key in {good.certificate} (PEM)"
    assert await reason(*locked) == f"the key {locked.key} is protected by a password"
    mismatch = f"the key {other.key} does not belong to the certificate {good.certificate}"
    assert await reason(good.certificate, other.key) == mismatch
    assert str(cut) in await reason(cut, good.key)
    pipe = tmp_path / "pipe.pem"
    os.mkfifo(pipe)
    assert await reason(good.certificate, pipe) == f"there is no key in {pipe} (PEM)"


async def test_a_key_that_all_users_can_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is used, with a warning; certificate and key may be one file."""
    pair = certificates.make(tmp_path)
    both = tmp_path / "both.pem"
    both.write_text(pair.key.read_text() + pair.certificate.read_text())
    both.chmod(0o640)
    await Certificate(both, both).read()
    assert not caplog.text
    both.chmod(0o644)
    await Certificate(both, both).read()
    assert f"All users of this machine can read the key {both}" in caplog.text


def test_a_start_without_a_usable_certificate(tmp_path: Path) -> None:
    """The process exits with 75 and an error that names the settings; nothing of the key is logged."""
    pair = certificates.make(tmp_path)
    shutil.copy(certificates.make(tmp_path, "other").key, pair.key)
    flags = ["--source", "test-pattern", "--port", str(free_port()), "-d", "debug"]
    result = run(
        *("serve", *flags, "--listen", f"https://127.0.0.1:{free_port()}"),
        cam_tls_certificate=str(pair.certificate),
        cam_tls_key=str(pair.key),
    )
    assert result.returncode == 75
    assert "Cannot listen on https:// (cam0_tls_certificate, cam0_tls_key): the key " in result.stderr
    assert not set(pair.key.read_text().splitlines()) & set(result.stderr.split())
