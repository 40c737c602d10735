"""The users of the external ports, and the logins of older sites and releases."""

import getpass
import grp
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rollout import login

from soft_stream.access.accounts import read_accounts
from soft_stream.access.passwords import is_password
from soft_stream.access.rights import ALL_RIGHTS
from tests.support.checkout import ROOT

Create = Callable[..., str]


@pytest.fixture
def create(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Create:
    """Return a function that creates the login with older files, and returns the file of logins."""
    monkeypatch.setattr(login, "HTPASSWD", tmp_path / "etc/htpasswd")
    monkeypatch.setattr(login, "INITIAL_PASSWORD", tmp_path / "etc/initial-password")
    monkeypatch.setattr(login, "SERVICE", getpass.getuser())
    monkeypatch.setattr(login, "_nginx_group", lambda: grp.getgrgid(os.getegid()).gr_name)

    def create(*older: Path) -> str:
        login.create_login("camera", older)
        assert login.HTPASSWD.stat().st_mode & 0o777 == 0o640
        return login.HTPASSWD.read_bytes().decode("latin-1")

    return create


def test_one_file_is_copied_as_it_is(tmp_path: Path, create: Create) -> None:
    """Comments, line ends and other encodings stay."""
    older = tmp_path / "users"
    older.write_bytes(b"# mine\r\nanna:x\r\nJ\xf6rg:y")
    assert create(older) == "# mine\r\nanna:x\r\nJ\xf6rg:y"
    assert not login.INITIAL_PASSWORD.exists()


def test_several_files_are_joined(tmp_path: Path, create: Create, capsys: pytest.CaptureFixture[str]) -> None:
    """Each name is there once; a second password of a name does not count, and that is said."""
    for name, text in {"a": "anna:1\nbert:2", "b": "bert:2\nanna:other\ncleo:3\n", "c": "bert:2\n"}.items():
        (tmp_path / name).write_text(text)
    assert create(*(tmp_path / name for name in ("a", "none", "b", "c"))) == "anna:1\nbert:2\ncleo:3\n"
    said = capsys.readouterr().out
    assert said.count("are copied to") == 2
    assert f"The logins of {tmp_path / 'c'} are already in {login.HTPASSWD}." in said
    assert f"The login 'anna' has another password in {tmp_path / 'b'}, which does not count." in said
    assert f"{tmp_path / 'none'} does not exist" in said


def test_an_existing_file_gets_the_logins_of_a_site(tmp_path: Path, create: Create) -> None:
    """A site that is taken over later adds its logins; without one nothing changes, and no password is made."""
    secret = create()
    assert secret.startswith("camera:$2b$10$")
    name, password = login.INITIAL_PASSWORD.read_text().split()
    assert login.INITIAL_PASSWORD.stat().st_mode & 0o777 == 0o600
    user = read_accounts(str(login.HTPASSWD), None).users[name]
    assert is_password(password, user.hash)
    assert user.rights == ALL_RIGHTS
    assert create() == secret
    (tmp_path / "users").write_text("anna:1\n")
    assert create(tmp_path / "users") == create(tmp_path / "users") == f"{secret}anna:1\n"
    assert create(login.HTPASSWD) == f"{secret}anna:1\n"


OLD = "# mine\r\nanna:1:Anna's phone\r\nbert:2\n\ncleo:3:\ndora:4: \neve:5:role=view camera=0\nfred:6:role=veiw"
NEW = "# mine\r\n# anna: Anna's phone\r\nanna:1\r\nbert:2\n\ncleo:3\ndora:4\neve:5:role=view camera=0\nfred:6:role=veiw"


@pytest.mark.parametrize(
    ("mode", "service"), [(0o644, getpass.getuser()), (0o666, getpass.getuser()), (0o640, "nobody")]
)
def test_the_logins_of_an_older_release_may_do_everything(
    create: Create, monkeypatch: pytest.MonkeyPatch, mode: int, service: str
) -> None:
    """Comments, which nginx ignored, do not take away the rights of a login; no other user can read the file."""
    monkeypatch.setattr(login, "SERVICE", service)
    if service != getpass.getuser() and os.geteuid():
        pytest.skip("only root can give a file to another user")
    login.HTPASSWD.parent.mkdir()
    login.HTPASSWD.write_bytes(OLD.encode())
    login.HTPASSWD.chmod(mode)
    before = read_accounts(str(login.HTPASSWD), None).users
    assert {name for name, user in before.items() if user.rights == ALL_RIGHTS} == {"bert", "cleo", "dora"}
    for _ in range(2):
        login.let_service_read()
        assert login.HTPASSWD.read_bytes().decode() == NEW
    after = read_accounts(str(login.HTPASSWD), None).users
    assert {name for name, user in after.items() if user.rights == ALL_RIGHTS} == {"anna", "bert", "cleo", "dora"}
    assert str(after["eve"].rights) == "role=view camera=0"
    assert (login.HTPASSWD.owner(), login.HTPASSWD.stat().st_mode & 0o777) == (service, 0o640)


def test_a_mistake_after_the_first_rollout_makes_no_admin(
    create: Create, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the release in use verifies the logins, a third field that is no rights stays without rights."""
    monkeypatch.setattr(login, "folder_before", lambda: tmp_path / "current")
    template = tmp_path / "current" / login.NGINX_HEADERS
    template.parent.mkdir(parents=True)
    shutil.copy(ROOT / login.NGINX_HEADERS, template)
    login.HTPASSWD.parent.mkdir()
    login.HTPASSWD.write_text("anna:1:view\nbert:2\n")
    login.HTPASSWD.chmod(0o644)
    login.let_service_read()
    assert login.HTPASSWD.read_text() == "anna:1:view\nbert:2\n"
    assert login.HTPASSWD.stat().st_mode & 0o777 == 0o640


def test_a_link_of_the_owner_stays(create: Create, tmp_path: Path) -> None:
    """The file to which it leads is given to the service, so that both places have the same users."""
    login.HTPASSWD.parent.mkdir()
    own = tmp_path / "printer.htpasswd"
    own.write_text("anna:1:Anna\n")
    own.chmod(0o644)
    login.HTPASSWD.symlink_to(own)
    login.let_service_read()
    assert login.HTPASSWD.readlink() == own
    assert own.read_text() == "# anna: Anna\nanna:1\n"
    assert own.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_file_of_an_unknown_user(create: Create) -> None:
    """A file from a backup of another machine, whose user has no name here, is given to the service."""
    login.HTPASSWD.parent.mkdir()
    login.HTPASSWD.write_text("anna:1\n")
    os.chown(login.HTPASSWD, 64321, 64321)
    login.let_service_read()
    assert login.HTPASSWD.owner() == login.SERVICE


def test_rights_that_the_owner_has_set_stay(create: Create) -> None:
    """After the first rollout the file belongs to the service, and further rollouts leave it as it is."""
    login.HTPASSWD.parent.mkdir()
    login.HTPASSWD.write_text(OLD)
    login.HTPASSWD.chmod(0o640)
    stat = login.HTPASSWD.stat()
    login.let_service_read()
    assert login.HTPASSWD.stat() == stat
