"""URLs of sources: which are accepted, and what is shown of them."""

import os
from pathlib import Path

import pytest

from soft_stream.config.loader import SettingsError, load
from soft_stream.config.settings import Settings, show_value
from soft_stream.config.urls import exposed_url, has_password, source_url, without_secrets
from soft_stream.web.compat.webcamd import build_config
from tests.support.processes import run

SECRET = "s3cret-word"  # noqa: S105 # of these tests
WITH_SECRET = f"http://anna:{SECRET}@cam.lan/stream?action=stream"


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.5:8080/stream",
        "https://anna:pass%40word@cam.lan/?action=stream",
        "http://[fe80::1]:80/s",
        "rtsp://u:p@10.0.0.9/live",
        "/home/pi/a.mp4",
        "file:///home/pi/a.mp4",
        "",
    ],
)
def test_urls_that_are_accepted(url: str) -> None:
    """They are kept as they are written."""
    assert source_url().parse(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "cam.lan/stream", "http://", "http:///stream", "http://cam.lan:0/", "http://cam.lan:99999/", "http://cam.lan:x/",
        "http://cam.lan:/", "http://cam.lan/#a", "http://a:b@c:d@cam.lan/", "http://cam.lan/a b", "http://cam.lan/\n",
        "http://a:b/c@cam.lan/", "http://[::1/", "http:\\\\cam.lan\\a",
    ],
)  # fmt: skip
def test_urls_that_are_refused(url: str) -> None:
    """They name no server, or something else than the person meant."""
    refused = False
    try:
        source_url().parse(url)
    except ValueError:  # its text is that of the library
        refused = True
    assert refused


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://10.0.0.5:8080/stream", "http://10.0.0.5:8080/stream"),
        (WITH_SECRET, "http://***@cam.lan/stream?action=***"),
        (f"http://anna:{SECRET}/x@cam.lan/", "http://***@cam.lan/"),
        (f"http://anna:a@{SECRET}@cam.lan/", "http://***@cam.lan/"),
        (f"anna:{SECRET}@cam.lan/a", "***@cam.lan/a"),
        (f"http://cam.lan/?a={SECRET}&b=2#c={SECRET}", "http://cam.lan/?a=***&b=***#c=***"),
        (f"rtsp://cam.lan/user=a_password={SECRET}_channel=1.sdp?x", "rtsp://cam.lan/user=***?x"),
        (f"rtsp://cam.lan/user=a&password={SECRET}&channel=1", "rtsp://cam.lan/user=***"),
        (f"http://cam.lan/s?key=a/{SECRET}", "http://cam.lan/s?key=***"),
        ("/home/pi/a@b.mp4", "/home/pi/a@b.mp4"),
    ],
)
def test_what_is_shown(url: str, shown: str) -> None:
    """No user, no password and no value of a query, also if it is no URL."""
    assert without_secrets(url) == shown


def test_a_key_in_the_query_is_a_password() -> None:
    """Other values of a query are none."""
    assert has_password(WITH_SECRET)
    assert has_password("http://cam.lan/?access_token=abc")
    assert has_password("rtsp://cam.lan/user=admin_password=abc_channel=1_stream=0.sdp")
    assert not has_password("http://anna@cam.lan/?action=stream")


@pytest.mark.parametrize(
    "line",
    [
        f"cam0_url=http://anna:{SECRET}@cam.lan:99999/",
        f"cam0_ulr=http://anna:{SECRET}@cam.lan/",
        f"cam_url=http://anna:{SECRET}@cam.lan/",
        f"CAM0_URL=http://anna:{SECRET}@cam.lan/",
        f"cam0_url http://anna:{SECRET}@cam.lan/",
        f"cam0_source=http\ncam0_url=rtsp://anna:{SECRET}@cam.lan/",
    ],
)
def test_errors_show_no_password(line: str, tmp_path: Path) -> None:
    """Whatever is wrong with the line."""
    file = tmp_path / "a.env"
    file.write_text(f"{line}\n")
    with pytest.raises(SettingsError) as raised:
        load({}, file=file)
    assert SECRET not in str(raised.value)


def test_the_source_http_needs_a_url_of_http() -> None:
    """Its settings are refused with another one, and without one."""
    for url in ("rtsp://cam.lan/", "/home/pi/a.mp4", ""):
        with pytest.raises(SettingsError, match=r"for source=http|must name the URL"):
            load({"cam0_source": "http", "cam0_url": url})
    assert load({"cam0_source": "http", "cam0_url": "HTTPS://cam.lan/"}).cameras[0].url


def test_no_answer_has_the_password() -> None:
    """Neither webcamd's statistics nor what Python prints of the settings."""
    settings = Settings(source="http", url=WITH_SECRET)
    assert SECRET not in str(build_config(settings)) + repr(settings) + show_value("url", settings.url)


def test_check_hides_the_password_and_names_the_file(tmp_path: Path) -> None:
    """A file with a password that every user may read is a warning with its mode; a private one is none."""
    file = tmp_path / "a.env"
    file.write_text(f"# a camera\ncam0_source=http\ncam0_url={WITH_SECRET}\n")
    file.chmod(0o644)
    checked = run("check", "--env-file", str(file), HOME=str(tmp_path))
    assert SECRET not in checked.stdout + checked.stderr
    warning = f"{file}:3: cam0_url has a password, and every user of this machine may read {file} (mode 644)"
    assert warning in checked.stdout + checked.stderr
    file.chmod(0o640)
    checked = run("check", "--env-file", str(file), HOME=str(tmp_path))
    assert "has a password" not in checked.stdout + checked.stderr
    assert checked.returncode == 0, os.linesep.join((checked.stdout, checked.stderr))


def test_a_password_of_the_environment_is_in_no_file() -> None:
    """So nobody can read it there."""
    assert exposed_url(WITH_SECRET, "environment cam0_url", Path("/a.env"), 0o644) == ""
    assert exposed_url("http://cam.lan/", "/a.env:1 cam0_url", Path("/a.env"), 0o644) == ""
