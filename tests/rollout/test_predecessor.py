"""The settings of the previous program's units, as the rollout reads them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rollout import predecessor
from rollout.predecessor import OlderUnit
from rollout.system import RolloutError


@pytest.fixture
def older_unit(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[OlderUnit]]:
    """Return a function that installs a unit of the previous program."""

    def install(text: str) -> list[OlderUnit]:
        monkeypatch.setattr(predecessor, "run", lambda *command: text)
        return [OlderUnit("camera-soft-cam1.service", 1, enabled=True, active=True)]

    return install


def test_settings_of_an_older_unit(
    older_unit: Callable[[str], list[OlderUnit]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The flags of the previous program become settings; a flag that has none is printed."""
    units = older_unit(
        "[Service]\nExecStart=/usr/bin/python3 /home/pi/soft-stream.py --camera 1 --watchdog-timeout 12 --port=18090\n"
    )
    settings = predecessor.read_settings(units, None)
    assert settings
    assert {"cam1_watchdog_timeout=12", "cam1_port=18090"} <= set(settings.splitlines())
    assert "Older settings: cam1: --camera 1: soft-stream-portal has no such option\n" in capsys.readouterr().out


def test_installed_settings_without_an_older_unit_stay_as_they_are() -> None:
    """Only the units of the previous program are a reason to translate its words."""
    assert predecessor.read_settings([], "cam0_quality=medium\n") == "cam0_quality=medium\n"
    assert predecessor.read_settings([], None) is None


def test_errors_in_an_older_unit_are_a_sentence(older_unit: Callable[[str], list[OlderUnit]], tmp_path: Path) -> None:
    """Odd quoting and a file that is not UTF-8 stop the rollout with a sentence, before anything is changed."""
    units = older_unit("[Service]\nExecStart=/usr/bin/python3 soft-stream.py --name 'Left\n")
    with pytest.raises(RolloutError, match=r"^camera-soft-cam1.service: ExecStart=: quotes are not balanced"):
        predecessor.read_settings(units, None)
    (tmp_path / "older.env").write_bytes(b"cam1_name=\xe4\n")
    units = older_unit(f"[Service]\nEnvironmentFile={tmp_path}/older.env\nExecStart=/usr/bin/python3 soft-stream.py\n")
    with pytest.raises(RolloutError, match="not UTF-8 text"):
        predecessor.read_settings(units, None)
