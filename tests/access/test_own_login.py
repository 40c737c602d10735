"""The login that the program makes for its owner."""

import stat
from pathlib import Path

import pytest

from soft_stream.access import own_login
from soft_stream.access.accounts import read_accounts
from soft_stream.access.editing import USERS_MODE, editing, put_line
from soft_stream.access.own_login import make_login, read_users
from soft_stream.access.passwords import is_password, make_hash
from soft_stream.access.rights import Role


def modes(folder: Path) -> dict[str, int]:
    """Return the mode of each file in a folder."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_the_login_stays(tmp_path: Path) -> None:
    """It is made once: the password, and the hash that ends sessions, are the same at the next start."""
    folder = tmp_path / "state" / "camera-soft-stream"
    login = make_login(folder)
    text = (folder / "htpasswd").read_text()
    assert login.names == ("camera",)
    user = read_accounts(str(login.users_file), None).users["camera"]
    assert is_password(login.password, user.hash)
    assert user.rights.role == Role.CONTROL
    assert make_login(folder) == login
    assert (folder / "htpasswd").read_text() == text
    assert modes(folder) == {"htpasswd": 0o600, "login": 0o600}
    assert (folder / "login").read_text() == f"camera:{login.password}\n"


def test_each_login_has_a_password_of_its_own(tmp_path: Path) -> None:
    """It has 60 random bits, in letters and digits that do not look alike."""
    passwords = {make_login(tmp_path / str(number)).password for number in range(3)}
    assert len(passwords) == 3
    for password in passwords:
        assert len(password.replace("-", "")) == 12
        assert {*password} <= {*own_login.LETTERS, "-"}
        assert {*password}.isdisjoint("l1o0")


def test_a_start_that_was_killed(tmp_path: Path) -> None:
    """A password that was written before the kill gets its user at the next start."""
    (tmp_path / "login").write_text("camera:abcd-efgh\n")
    login = make_login(tmp_path)
    assert login.login_file
    assert is_password("abcd-efgh", read_accounts(str(login.users_file), None).users["camera"].hash)


def test_a_password_that_the_owner_has_changed(tmp_path: Path) -> None:
    """The file of the users counts: an outdated password is not shown, and no user is added."""
    login = make_login(tmp_path)
    with editing(login.users_file, USERS_MODE) as lines:
        put_line(lines, "camera", f"camera:{make_hash('another')}:role=view")
        put_line(lines, "anna", f"anna:{make_hash('secret')}:role=view")
    later = make_login(tmp_path)
    assert (later.names, later.password, later.login_file) == (("camera", "anna"), "", None)


def test_users_of_the_owner_stay(tmp_path: Path) -> None:
    """No login is made beside a user, also if the file has only a line that is none."""
    (tmp_path / "htpasswd").write_text(f"anna:{make_hash('secret')}:role=view\n")
    assert make_login(tmp_path).names == ("anna",)
    assert not (tmp_path / "login").exists()
    (tmp_path / "htpasswd").write_text("no user\n")
    assert make_login(tmp_path).names == ()


def test_a_password_that_others_could_read(tmp_path: Path) -> None:
    """Only its user can read it afterwards."""
    make_login(tmp_path)
    (tmp_path / "login").chmod(0o644)
    make_login(tmp_path)
    assert modes(tmp_path)["login"] == 0o600


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """It is an error that names the place."""
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match=r"/file'"):
        make_login(tmp_path / "file" / "state")


def test_users_that_can_be_read(tmp_path: Path) -> None:
    """A file that is missing has none."""
    assert read_users(str(tmp_path / "none")) == []
    make_login(tmp_path)
    assert read_users(str(tmp_path / "htpasswd")) == ["camera"]
