"""The nginx of an older release while a rollout replaces the processes behind it."""

from pathlib import Path

import pytest
from rollout import nginx_bridge
from rollout.plan import Plan

OLDER = '# ü\r\nproxy_set_header Host $http_host;\nproxy_set_header Authorization "";\n'
NEW = "proxy_set_header Host $http_host;\nproxy_set_header X-Soft-Stream-Auth always;\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of nginx, with the text of an older release."""
    file = tmp_path / "proxy-headers.conf"
    file.write_bytes(OLDER.encode())
    monkeypatch.setattr(nginx_bridge, "FILE", file)
    monkeypatch.setattr(nginx_bridge, "KEPT", tmp_path / "camera-soft-stream-rollout/kept")
    return file


@pytest.fixture
def reloads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Return the commands that were run."""
    commands: list[tuple[str, ...]] = []
    monkeypatch.setattr(nginx_bridge, "succeeds", lambda *words: commands.append(words))
    return commands


def plan(text: str | None) -> Plan:
    """Return a plan that writes a text to the file of nginx, or does not change it."""
    return Plan("1", {}, {} if text is None else {nginx_bridge.FILE: text})


def test_the_older_nginx_passes_logins_on(file: Path, reloads: list[tuple[str, ...]]) -> None:
    """Only the line that removes them is left out; a rollout that fails restores every byte."""
    nginx_bridge.begin(plan(NEW))
    assert file.read_bytes().decode() == OLDER.replace('proxy_set_header Authorization "";', "")
    assert nginx_bridge.original() == {file: OLDER}  # what a rollback writes
    nginx_bridge.cancel()
    assert file.read_bytes().decode() == OLDER
    assert reloads == [("systemctl", "reload", "nginx.service")] * 2
    assert nginx_bridge.original() == {}
    nginx_bridge.cancel()
    assert len(reloads) == 2


def test_after_a_rollout_the_file_is_left_alone(file: Path, reloads: list[tuple[str, ...]]) -> None:
    """The rollout has replaced it."""
    nginx_bridge.begin(plan(NEW))
    file.write_text(NEW)
    nginx_bridge.finish()
    nginx_bridge.cancel()
    assert file.read_text() == NEW
    assert len(reloads) == 1


@pytest.mark.parametrize(("now", "planned"), [(OLDER, OLDER), (OLDER, None), (NEW, NEW), (NEW, OLDER), (NEW, None)])
def test_other_rollouts_change_nothing(
    file: Path, reloads: list[tuple[str, ...]], now: str, planned: str | None
) -> None:
    """An older release stays as it is, a newer one passes the logins on anyway, and so does a rollback from it."""
    file.write_bytes(now.encode())
    nginx_bridge.begin(plan(planned))
    assert file.read_bytes().decode() == now
    assert (reloads, nginx_bridge.original()) == ([], {})
    file.unlink()
    nginx_bridge.begin(plan(planned))
    assert not file.exists()
