"""The paths that the settings of a camera need, and the drop-in of its unit."""

from dataclasses import replace
from pathlib import Path

import pytest

from soft_stream.config import unit_paths
from soft_stream.config.settings import Settings
from soft_stream.config.unit_paths import drop_in_text, drop_ins, installed, quote, unquote

BASE = Settings(camera=0, source="test-pattern")


def lines(**settings: object) -> list[str]:
    """Return the lines of the drop-in without its head."""
    text = drop_in_text(replace(BASE, **settings))  # type: ignore[arg-type] # by name
    return text.removeprefix(f"{unit_paths.HEAD}[Service]\n").splitlines() if text else []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, []),
        ({"www": "/srv/www"}, []),
        ({"www": "/home/pi/www"}, ["ProtectHome=tmpfs", 'BindReadOnlyPaths="-/home/pi/www"']),
        ({"www": "/var/tmp/www"}, ['BindReadOnlyPaths="-/var/tmp/www"']),  # noqa: S108 # the unit has its own
        ({"save": "/srv/frames"}, ['ReadWritePaths="-/srv/frames"']),
        ({"save": "/home/pi/frames"}, ["ProtectHome=tmpfs", 'BindPaths="-/home/pi/frames"']),
        ({"save": "/home/pi/../pi/frames/"}, ["ProtectHome=tmpfs", 'BindPaths="-/home/pi/frames"']),
        ({"folder": "/home/pi/in"}, []),
        ({"source": "folder", "folder": "/root/in"}, ["ProtectHome=tmpfs", 'BindReadOnlyPaths="-/root/in"']),
        ({"source": "folder", "folder": "/srv/in", "folder_delete": True}, ['ReadWritePaths="-/srv/in"']),
        (
            {"source": "media", "url": "/home/pi/videos/a.mp4"},
            ["ProtectHome=tmpfs", 'BindReadOnlyPaths="-/home/pi/videos"'],
        ),
        (
            {"source": "media", "url": "/home/pi/a.mp4"},
            ["ProtectHome=tmpfs", 'BindReadOnlyPaths="-/home/pi/a.mp4"'],
        ),
        (
            {"source": "media", "url": "file:///home/pi/my%20videos/a.mp4"},
            ["ProtectHome=tmpfs", 'BindReadOnlyPaths="-/home/pi/my videos"'],
        ),
        (
            {"source": "http", "url": "https://10.0.0.5/", "url_certificate": "/home/pi/tls/cam.pem"},
            ["ProtectHome=tmpfs", 'BindReadOnlyPaths="-/home/pi/tls"'],
        ),
        ({"source": "media", "url": "rtsp://10.0.0.5/home/pi"}, []),
        ({"source": "http", "url": "http://10.0.0.5/"}, []),
        ({"source": "media", "url": "/dev/video0"}, []),
        (
            {"source": "gphoto"},
            ["DeviceAllow=char-usb_device rw", "SupplementaryGroups=plugdev"],
        ),
        (
            {"www": "/home/pi/a", "save": "/home/pi/a", "source": "folder", "folder": "/run/user/b"},
            ["ProtectHome=tmpfs", 'BindPaths="-/home/pi/a"', 'BindReadOnlyPaths="-/run/user/b"'],
        ),
    ],
)
def test_what_each_setting_needs(settings: dict[str, object], expected: list[str]) -> None:
    """No more than that: without a hidden path, ProtectHome=yes stays, and only writing needs a line."""
    assert lines(**settings) == expected


def test_without_the_group_of_usb_cameras() -> None:
    """A unit whose group does not exist would not start."""
    text = drop_in_text(replace(BASE, source="gphoto"), has_usb_group=False)
    assert text
    assert "SupplementaryGroups" not in text


def test_links_that_lead_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of what a named link leads to is needed: a bind mount of a file would keep showing the old one."""
    monkeypatch.setattr(unit_paths, "HOMES", (tmp_path / "home",))
    monkeypatch.setattr(unit_paths, "TEMPORARY", ())
    site, shots = tmp_path / "srv/www", tmp_path / "home/pi/shots"
    site.mkdir(parents=True)
    shots.mkdir(parents=True)
    (shots / "snap.jpg").touch()
    (site / "page.html").touch()
    (site / "snap.jpg").symlink_to(shots / "snap.jpg")
    (site / "other.jpg").symlink_to(tmp_path / "home/other/snap.jpg")
    (site / "inside.html").symlink_to("page.html")
    wanted = ["ProtectHome=tmpfs", f'BindReadOnlyPaths="-{shots}"']
    assert lines(www=str(site), www_links="snap.jpg inside.html missing.jpg page.html") == wanted


def test_a_link_into_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that looks harmless may lead there."""
    monkeypatch.setattr(unit_paths, "HOMES", (tmp_path / "home",))
    monkeypatch.setattr(unit_paths, "TEMPORARY", ())
    (tmp_path / "home/pi/in").mkdir(parents=True)
    (tmp_path / "pictures").symlink_to(tmp_path / "home/pi/in")
    assert lines(source="folder", folder=str(tmp_path / "pictures")) == [
        "ProtectHome=tmpfs",
        f'BindReadOnlyPaths="-{tmp_path}/home/pi/in"',
    ]


@pytest.mark.parametrize("name", ["a\n", 'a"\nExecStartPre=+/bin/x\n#', "a\rb", "a\udcff"])
def test_a_link_adds_no_line_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Who writes in the folder of pages must not write what root executes; other paths are named as always."""
    monkeypatch.setattr(unit_paths, "HOMES", (tmp_path / "home",))
    monkeypatch.setattr(unit_paths, "TEMPORARY", ())
    site = tmp_path / "home/pi/www"
    site.mkdir(parents=True)
    (site / "now.jpg").symlink_to(tmp_path / "home" / name / "shots/snap.jpg")
    (tmp_path / "pages").symlink_to(tmp_path / "home" / name)
    wanted = ["ProtectHome=tmpfs", f'BindReadOnlyPaths="-{site}"']
    assert lines(www=str(site), www_links="now.jpg") == wanted
    assert lines(www=str(tmp_path / "pages")) == []
    assert lines(save=str(tmp_path / "pages")) == [f'ReadWritePaths="-{tmp_path}/pages"']


@pytest.mark.parametrize("name", ["a b", "100%", 'the "best"', "d'or", "a:b", "back\\slash", "%h", "$HOME", "č", "#x"])
def test_names_are_quoted(name: str) -> None:
    """What is written is read back as the same path, among others, with or without a destination."""
    path = Path(f"/srv/{name}")
    for is_bind in (True, False):
        text = quote(path, is_bind=is_bind)
        assert "%" not in text.replace("%%", "")
        assert [*unquote(f" /a  {text} -/b")] == [Path("/a"), path, Path("/b")]
    assert [*unquote(f"{quote(path, is_bind=True)}:/there:rbind /c")] == [Path("/there"), Path("/c")]


def test_the_files(tmp_path: Path) -> None:
    """Cameras that need nothing have none, and one of a camera that is gone must not exist."""
    units, packaged = tmp_path / "local", tmp_path / "lib"
    for folder, number in ((units, 7), (packaged, 0), (packaged, 1)):
        file = folder / unit_paths.drop_in(number)
        file.parent.mkdir(parents=True)
        file.write_text("[Service]\n")
    cameras = {0: replace(BASE, save="/srv/a"), 1: replace(BASE, camera=1), 2: replace(BASE, camera=2)}
    assert drop_ins(cameras, units, packaged) == {
        units / unit_paths.drop_in(7): None,
        units / unit_paths.drop_in(0): drop_in_text(cameras[0]),
        units / unit_paths.drop_in(1): unit_paths.HEAD,  # hides that of the package
    }
    assert drop_ins(cameras, packaged, packaged) == {
        packaged / unit_paths.drop_in(0): drop_in_text(cameras[0]),
        packaged / unit_paths.drop_in(1): None,
    }
    assert installed(units) == [units / unit_paths.drop_in(7)]
