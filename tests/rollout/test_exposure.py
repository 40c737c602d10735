"""Settings with an address of the network: what a rollout refuses before it changes anything, and what it says."""

from pathlib import Path

import pytest
from rollout import exposure, login, owners_settings, planner, predecessor
from rollout.system import SETTINGS, RolloutError

from soft_stream.config.loader import LoadedConfig
from soft_stream.service.exit_status import ExitStatus
from tests.support.logins import write_logins

OPEN = "cam0_name=A\ncam0_bind=0.0.0.0\n"
ASKS = (
    "Camera 0 asks clients of other machines for a login at http://0.0.0.0:18081 from now on; it was open there "
    "before. The users are in {users}; cam_open_to_network=1 leaves it open."
)


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the place of the users' file, which does not exist, on a machine with an earlier release."""
    monkeypatch.setattr(login, "HTPASSWD", tmp_path / "htpasswd")
    monkeypatch.setattr(exposure, "folder_before", lambda: tmp_path / "current")
    return tmp_path / "htpasswd"


def loaded(text: str, users: Path) -> LoadedConfig:
    """Load settings that may not be active yet."""
    return planner._load(f"{text}cam_users_file={users}\n")


def notes(text: str, users: Path, before: str | None, *, with_nginx: bool = False) -> list[str]:
    """Return the notes for settings, and for those that are active before."""
    return [*exposure.notes(loaded(text, users).cameras, before, with_nginx=with_nginx)]


@pytest.mark.parametrize("has_command", [False, True])
def test_an_open_camera_without_users_is_refused(users: Path, *, has_command: bool) -> None:
    """The status is that of wrong settings; the sentence names the line, the endpoint and the three ways out."""
    if has_command:
        (users.parent / "current/lib/soft_stream/access").mkdir(parents=True)
    with pytest.raises(RolloutError) as refused:
        exposure.check(loaded(OPEN, users), with_nginx=False)
    assert refused.value.status == ExitStatus.CONFIG_ERROR
    first, sentence, *more = str(refused.value).splitlines()
    assert first == "The settings are wrong:"
    assert sentence.startswith(
        f"  {SETTINGS}:2: cam0_bind=0.0.0.0: other machines can reach http://0.0.0.0:18081, and "
    )
    for way in ("soft-stream user add NAME", "nginx", "cam_open_to_network=1"):
        assert way in sentence
    assert more == ([] if has_command else [exposure.NO_COMMAND])


@pytest.mark.parametrize("text", [f"{OPEN}cam_open_to_network=1\n", "cam0_name=A\n", "cam0_bind=127.0.0.1\n"])
def test_what_is_not_refused(users: Path, text: str) -> None:
    """The owner's consent, and addresses of this machine."""
    exposure.check(loaded(text, users), with_nginx=False)


def test_the_first_user_of_the_rollout_counts(users: Path) -> None:
    """A rollout with nginx makes a user in this file, so the camera starts; in another file there is none."""
    exposure.check(loaded(OPEN, users), with_nginx=True)
    with pytest.raises(RolloutError):
        exposure.check(loaded(OPEN, users.with_name("others")), with_nginx=True)
    write_logins(users.parent)
    exposure.check(loaded(OPEN, users), with_nginx=False)


@pytest.mark.parametrize("with_nginx", [True, False])
def test_a_camera_that_closes_is_announced_once(users: Path, *, with_nginx: bool) -> None:
    """Before, no release had a login of its own; afterwards the settings have the line that says so."""
    if not with_nginx:
        write_logins(users.parent)
    assert notes(OPEN, users, OPEN, with_nginx=with_nginx) == [ASKS.format(users=users)]
    assert notes(OPEN, users, f"{OPEN}cam_open_to_network=0\n", with_nginx=with_nginx) == []
    assert notes("cam0_name=A\n", users, "cam0_name=A\n", with_nginx=with_nginx) == []


def test_the_first_rollout_closes_nothing(users: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera that was not served before has lost no clients."""
    monkeypatch.setattr(exposure, "folder_before", lambda: None)
    assert notes(OPEN, users, None, with_nginx=True) == []


def test_a_camera_that_stays_open_is_announced_each_time(users: Path) -> None:
    """The sentence is that of the log; beside users it is another one."""
    text = f"{OPEN}cam_open_to_network=1\n"
    (found,) = notes(text, users, text)
    assert "is open to the network" in found
    (found,) = notes(text, users, text, with_nginx=True)
    assert "without a login, although there are users" in found


def test_a_plan_ends_before_anything_changes(users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are checked before the files of units, of nginx and of the cameras are even read."""
    made = owners_settings.OwnersSettings(f"{OPEN}cam_users_file={users}\n", {})
    monkeypatch.setattr(owners_settings, "combine", lambda *_: made)
    monkeypatch.setattr(predecessor, "find", list)
    with pytest.raises(RolloutError, match="other machines can reach"):
        planner.make_plan(tmp_path, None, None, with_nginx=False, tls=False, flags={})
    assert [*tmp_path.iterdir()] == []
