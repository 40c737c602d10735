"""`soft-stream user`: passwords, rights, and what is printed."""

import errno
import io
import os
import stat
import subprocess
import sys
import syslog
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from unittest.mock import Mock

import pytest

from soft_stream.access.accounts import User, read_accounts
from soft_stream.access.passwords import is_password
from soft_stream.access.rights import Rights, Role
from soft_stream.cli import outputs
from soft_stream.cli.main import main

NOBODY = 65534


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the place of the users' file, which the settings in the environment name."""
    monkeypatch.setenv("cam_users_file", str(tmp_path / "htpasswd"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "htpasswd"


class Done(NamedTuple):
    """What a command has returned and printed."""

    returncode: int
    stdout: str
    stderr: str


RunUser = Callable[..., Done]


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> RunUser:
    """Return a function that runs the command in this process, which is quick, with a content of stdin."""
    monkeypatch.setattr(syslog, "syslog", lambda *_: None)

    def run(*arguments: str, stdin: str | bytes = "") -> Done:
        content = stdin if isinstance(stdin, bytes) else stdin.encode()
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        try:
            status = main(["user", *arguments])
        except SystemExit as end:
            status = int(end.code or 0)
        return Done(status, *capfd.readouterr())

    return run


def read(file: Path) -> dict[str, User]:
    """Return the users of a file."""
    return dict(read_accounts(str(file), None).users)


def test_add_a_user(user: RunUser, file: Path) -> None:
    """The password is the first line of stdin; the hash is bcrypt; without options the role is the least one."""
    done = user("add", "hans", "--role", "admin", stdin="correct horse\nsecond line\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "The user hans is added with role=admin.\n", "")
    done = user("add", "jörg k", stdin="p:w ž\r\n".encode())
    assert done.stdout == "The user jörg k is added with role=view.\n"
    assert done.stderr == "warning: the password has less than 8 characters.\n"
    hans, other = read(file)["hans"], read(file)["jörg k"]
    assert (hans.rights, other.rights) == (Rights(Role.ADMIN), Rights(Role.VIEW))
    assert is_password("correct horse", hans.hash)
    assert is_password("p:w ž", other.hash)
    assert hans.hash.startswith("$2b$10$")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("options", "cameras"),
    [
        (["--camera", "0"], {0}),
        (["--camera", "0", "--camera", "12"], {0, 12}),
        (["--camera", "0,2,2"], {0, 2}),
        (["--camera", "all"], set()),
        (["--camera", "1", "--camera", "all"], set()),
    ],
)
def test_cameras_of_a_user(user: RunUser, file: Path, options: list[str], cameras: set[int]) -> None:
    """One, several, or all."""
    assert user("add", "a", *options, stdin="long enough").returncode == 0
    assert read(file)["a"].rights == Rights(Role.VIEW, frozenset(cameras))


def test_change_a_user(user: RunUser, file: Path) -> None:
    """An empty password keeps the present one, and the options change only what they name."""
    user("add", "a", "--role", "view", "--camera", "0", stdin="the first one")
    first = read(file)["a"]
    done = user("add", "a", "--role", "control")
    assert (done.returncode, done.stdout) == (0, "The user a has role=control camera=0 now.\n")
    assert read(file)["a"] == User("a", first.hash, Rights(Role.CONTROL, frozenset({0})))
    done = user("add", "a", stdin="the second one")
    assert "and has a new password, so the sessions of the user end.\n" in done.stdout
    second = read(file)["a"]
    assert is_password("the second one", second.hash)
    assert second.rights == Rights(Role.CONTROL, frozenset({0}))
    user("add", "a", "--camera", "all")
    assert read(file)["a"] == User("a", second.hash, Rights(Role.CONTROL))
    before = file.read_bytes()
    done = user("add", "a", "--role", "control")
    assert (done.returncode, done.stdout) == (0, "The user a has role=control already; nothing is changed.\n")
    assert file.read_bytes() == before


def test_a_login_that_exists_already(user: RunUser, file: Path) -> None:
    """It stays an admin with its hash, and its comment, which cannot be rights, needs a decision."""
    file.write_bytes(b"old:{PLAIN}x\ncomment:{PLAIN}x:Hans Muster\nj\xf6rg:{PLAIN}x")
    assert user("add", "j\udcf6rg", "--role", "view").stdout == "The user j\\udcf6rg has role=view now.\n"
    assert user("add", "old", "--camera", "1").stdout == "The user old has role=admin camera=1 now.\n"
    done = user("add", "comment")
    assert (done.returncode, done.stderr) == (
        1,
        "The rights of the user comment cannot be read, so --role must name the role.\n",
    )
    assert user("add", "comment", "--role", "admin").returncode == 0
    assert file.read_bytes() == (
        b"old:{PLAIN}x:role=admin camera=1\ncomment:{PLAIN}x:role=admin\nj\xf6rg:{PLAIN}x:role=view"
    )


@pytest.mark.parametrize(
    ("name", "password", "message"),
    [
        ("a", "", "The password is empty; it must have at least 1 character."),
        ("a", "\n", "The password is empty; it must have at least 1 character."),
        ("a", "x" * 73, "The password has 73 bytes; it must have at most 72."),
        ("a", "x" * 100_000, "The password has 4096 bytes; it must have at most 72."),
        ("a", "tab\there", "The password has a control character, such as a tab; programs cannot send these."),
        ("a", "nul\0here", "The password has a control character, such as a tab; programs cannot send these."),
        ("a", b"latin-1 \xe9", "The password is not UTF-8 text."),
        ("a:b", "long enough", "'a:b' cannot be a name: it must have no colon"),
        ("#a", "long enough", "'#a' cannot be a name"),
        ("", "long enough", "A name must have 1 to 64 characters; this one has 0."),
    ],
)
def test_refused(user: RunUser, file: Path, name: str, password: str | bytes, message: str) -> None:
    """One sentence, without the password; no user is added."""
    done = user("add", name, stdin=password)
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert not read(file)


def test_a_password_is_no_argument(user: RunUser, file: Path) -> None:
    """Other users of the machine would see it; the error does not repeat it."""
    done = user("add", "hans", "secret-word")
    assert done.returncode == 2
    assert "must not be an argument" in done.stderr
    assert "secret-word" not in done.stderr
    assert not file.exists()


def test_list_users(user: RunUser, file: Path) -> None:
    """Names and rights, no hashes; what is wrong with the file is at stderr."""
    assert user("list").stderr == f"{file} has no users.\n"
    file.write_bytes(
        b"hans:{PLAIN}secret\nanna:{PLAIN}secret:role=view camera=1,0\nx:!{PLAIN}secret:role=control\n"
        b"j\xf6rg:broken:role=admin\nbad:{PLAIN}secret:role=root\nno colon\n"
    )
    done = user("list")
    assert done.stdout.splitlines() == [
        "NAME       ROLE     CAMERAS",
        "hans       admin    all",
        "anna       view     0,1",
        "x          control  all      locked",
        "j\\udcf6rg  admin    all      no valid hash",
        "bad        none     all",
    ]
    assert done.returncode == 1
    problems = done.stderr.splitlines()
    assert [each.split(": ")[0] for each in problems] == [f"{file}:{number}" for number in (4, 5, 6)]
    assert "secret" not in done.stdout + done.stderr


def test_remove_a_user(user: RunUser, file: Path) -> None:
    """All lines of the name, whatever its characters; the last one is remarked."""
    file.write_bytes(b"a:{PLAIN}x\nj\xf6rg:{PLAIN}y\na:{PLAIN}z\n")
    done = user("remove", "a")
    assert (done.returncode, done.stdout) == (
        0,
        "The user a is removed; the sessions and streams of the user end now.\n",
    )
    done = user("remove", "a")
    assert (done.returncode, done.stderr) == (1, f"{file} has no user a.\n")
    done = user("remove", "j\udcf6rg")
    assert "No user is left." in done.stdout
    assert file.read_bytes() == b""


def test_the_settings_name_the_file(user: RunUser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also settings that are wrong elsewhere: a user must be removable then."""
    monkeypatch.delenv("cam_users_file", raising=False)
    settings = tmp_path / "settings.env"
    settings.write_text(f"cam0_fps=fast\nnot a setting\ncam_users_file={tmp_path}/people\ncam_open_to_network=1\n")
    done = user("add", "a", "--env-file", str(settings), stdin="long enough")
    assert done.returncode == 0
    assert done.stderr == "warning: cam_open_to_network=1: clients of other machines still need no login.\n"
    assert list(read(tmp_path / "people")) == ["a"]


@pytest.mark.parametrize(
    ("settings", "status", "message"),
    [
        ("cam_users_file=\n", 1, "cam_users_file is empty, so there is no file of users.\n"),
        ("cam_users_file=people\n", 78, "settings.env:1: cam_users_file=people: must be an absolute path, or empty\n"),
        (
            "cam0_users_file=/a\ncam1_users_file=/b\n",
            1,
            "The cameras have different files of users: /a, /b. Choose one",
        ),
    ],
)
def test_no_file_of_users(
    user: RunUser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str, status: int, message: str
) -> None:
    """One sentence says what is wrong."""
    monkeypatch.delenv("cam_users_file", raising=False)
    (tmp_path / "settings.env").write_text(settings)
    done = user("list", "--env-file", str(tmp_path / "settings.env"))
    assert done.returncode == status
    assert message in done.stderr


@pytest.mark.parametrize("arguments", [["add", "b"], ["remove", "a"]])
def test_without_root_rights(user: RunUser, file: Path, arguments: list[str]) -> None:
    """One sentence says what to do, before a password is asked for."""
    file.write_text("a:x\n")
    file.parent.chmod(0o555)
    before = os.geteuid()
    try:
        os.seteuid(before or NOBODY)
        done = user(*arguments)
    finally:
        os.seteuid(before)
        file.parent.chmod(0o755)
    assert (done.returncode, done.stderr) == (
        1,
        f"{file} cannot be changed: Permission denied. Run the command with sudo.\n",
    )


def test_several_commands_at_once(file: Path) -> None:
    """Each of them adds its user."""
    names = [f"user{number}" for number in range(6)]
    command = [sys.executable, "-m", "soft_stream", "user", "add"]
    with ThreadPoolExecutor(6) as pool:
        for each in pool.map(lambda name: subprocess.run([*command, name], input=f"secret of {name}".encode()), names):
            assert each.returncode == 0
    users = read(file)
    assert sorted(users) == names
    assert all(is_password(f"secret of {name}", users[name].hash) for name in names)


@pytest.mark.parametrize(
    ("answers", "status", "output"),
    [
        (["long enough", "long enough"], 0, "The user a is added with role=view."),
        (["long enough", "otherwise!"], 1, "The two passwords differ, so nothing is changed."),
        ([""], 1, "The password is empty; it must have at least 1 character."),
        (["\x04"], 1, "Nothing is changed."),
        (["\x03"], 1, "Nothing is changed."),
    ],
)
def test_at_a_terminal(file: Path, answers: list[str], status: int, output: str) -> None:
    """The password is asked for twice and not shown; without one, or after Ctrl-C, nothing is changed."""
    main_end, terminal = os.openpty()
    script = "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    script += "from soft_stream.cli.main import main; sys.exit(main(['user', 'add', 'a']))"
    command = [sys.executable, "-c", script]
    shown = b""
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True) as process:
        os.close(terminal)
        try:
            for prompt, answer in zip((b"Password of the new user a: ", b"again: "), answers, strict=False):
                while not shown.endswith(prompt):
                    shown += os.read(main_end, 1000)
                os.write(main_end, answer.encode() + (b"" if answer in "\x03\x04" and answer else b"\n"))
            while True:
                shown += os.read(main_end, 1000)
        except OSError:  # the end of the terminal
            pass
        finally:
            os.close(main_end)
        assert process.wait() == status
    assert output in shown.decode()
    assert b"long enough" not in shown
    assert bool(read(file)) == (status == 0)


def test_changes_are_in_the_log_of_the_system(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line for each, with the user of the machine, and without secrets."""
    file.write_text("a:{PLAIN}secret\n")
    monkeypatch.setenv("SUDO_USER", "pi")
    lines = list[str]()
    monkeypatch.setattr(syslog, "syslog", lambda _, line: lines.append(line))
    assert main(["user", "remove", "a"]) == 0
    assert main(["user", "remove", "a"]) == 1
    assert main(["token", "create", "--name", "x\u00e9", "--expires", "never"]) == 0
    assert main(["token", "revoke", "x\u00e9"]) == 0
    assert lines == [
        "user a removed (by pi)",
        "token x\u00e9 created: role=view, expires: never (by pi)",
        "token x\u00e9 revoked (by pi)",
    ]
    assert capsys.readouterr().out.split("\n")[2].startswith("css_")


@pytest.mark.parametrize(
    "arguments", [("user", "add", "a", "--role", "admin"), ("user", "remove", "a"), ("token", "revoke", "t")]
)
def test_a_change_whose_sentence_cannot_be_written_is_in_the_log(
    file: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """As on a terminal that is gone; the file is changed already."""
    file.write_text("a:{PLAIN}secret:role=view\n")
    file.with_name("tokens").write_text(f"t:{'a' * 64}:role=view expires=never\n")
    lines = list[str]()
    monkeypatch.setattr(syslog, "syslog", lambda _, line: lines.append(line))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    monkeypatch.setattr(outputs, "drop", Mock())  # it would be the output of pytest
    monkeypatch.setattr("builtins.print", Mock(side_effect=OSError(errno.EIO, "Input/output error")))
    with suppress(OSError):
        main([*arguments])
    assert len(lines) == 1
