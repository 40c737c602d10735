"""Changes of the files of users and tokens: what stays, and what a kill or an error leaves."""

import grp
import os
import pwd
import re
import secrets
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from soft_stream.access.editing import USERS_MODE, check_name, editing, put_line, remove_lines

OWNERS = b"# mine: do not touch\r\na:old\r\n\r\nj\xf6rg:x:role=view\r\nno colon\r\na:second\r\nlast:y"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root rights")

# Replaces a file again and again; each line of a generation is the same.
WRITER = """
import sys
from pathlib import Path
from soft_stream.access.editing import editing
for number in range(int(sys.argv[2]), 10**9):
    with editing(Path(sys.argv[1]), 0o640) as lines:
        lines[:] = [f"user{number}:hash"] * 20_000 + [""]
    print(number, flush=True)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file as an owner could have written it."""
    (tmp_path / "htpasswd").write_bytes(OWNERS)
    return tmp_path / "htpasswd"


def put(file: Path, name: str, line: str) -> bytes:
    """Put a line into a file, and return its content."""
    with editing(file, USERS_MODE) as lines:
        put_line(lines, name, line)
    return file.read_bytes()


def remove(file: Path, name: str) -> bytes:
    """Remove a name from a file, and return its content."""
    with editing(file, USERS_MODE) as lines:
        remove_lines(lines, name)
    return file.read_bytes()


def test_only_one_line_changes(file: Path) -> None:
    """The first line of a name counts and is replaced; comments, other lines and line ends stay, byte by byte."""
    assert put(file, "a", "a:new") == OWNERS.replace(b"a:old", b"a:new")
    assert put(file, "last", "last:z:role=view") == OWNERS.replace(b"a:old", b"a:new").replace(b":y", b":z:role=view")


def test_a_new_line_is_added_at_the_end(file: Path) -> None:
    """With the line ends of the file, and after a line without a newline."""
    assert put(file, "new", "new:z") == OWNERS + b"\r\nnew:z\r\n"
    assert put(file, "x\udce9", "x\udce9:z") == OWNERS + b"\r\nnew:z\r\nx\xe9:z\r\n"


def test_all_lines_of_a_removed_name_disappear(file: Path) -> None:
    """Else the second one would count from then on; a name that only begins like it stays."""
    assert remove(file, "a") == OWNERS.replace(b"a:old\r\n", b"").replace(b"a:second\r\n", b"")
    assert remove(file, "las") == remove(file, "no colon\r") == remove(file, "# mine")
    assert remove(file, "last") == b"# mine: do not touch\r\n\r\nj\xf6rg:x:role=view\r\nno colon\r\n"
    assert remove(file, "j\udcf6rg") == b"# mine: do not touch\r\n\r\nno colon\r\n"


def test_the_last_user_leaves_an_empty_file(tmp_path: Path) -> None:
    """And the next one is its only line."""
    file = tmp_path / "htpasswd"
    assert put(file, "a", "a:x") == b"a:x\n"
    assert remove(file, "a") == b""
    assert put(file, "b", "b:x") == b"b:x\n"
    file.write_bytes(b"a:x")
    assert remove(file, "a") == b""


def test_mode_and_attributes_stay(file: Path) -> None:
    """Such as those of setfacl, which may let nginx read the file."""
    file.chmod(0o604)
    try:
        os.setxattr(file, "user.test", b"kept")
    except OSError:
        pytest.skip("the file system has no extended attributes")
    put(file, "a", "a:new")
    assert stat.S_IMODE(file.stat().st_mode) == 0o604
    assert os.getxattr(file, "user.test") == b"kept"


@AS_ROOT
def test_owner_and_group_stay(file: Path) -> None:
    """The service may have a user of its own."""
    os.chown(file, 12345, 12346)
    put(file, "a", "a:new")
    assert (file.stat().st_uid, file.stat().st_gid) == (12345, 12346)


def test_a_new_file_is_for_the_service_and_nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its folder, whatever the umask; without a service user it is for the user who ran sudo."""
    monkeypatch.setenv("SUDO_UID", "12345")
    before = os.umask(0o077)
    try:
        put(tmp_path / "new/folder/htpasswd", "a", "a:x")
    finally:
        os.umask(before)
    status = (tmp_path / "new/folder/htpasswd").stat()
    assert stat.S_IMODE(status.st_mode) == 0o640
    assert [stat.S_IMODE((tmp_path / each).stat().st_mode) for each in ("new", "new/folder")] == [0o755, 0o755]
    if os.geteuid() == 0:
        users = {each.pw_name: each.pw_uid for each in pwd.getpwall()}
        groups = {each.gr_name: each.gr_gid for each in grp.getgrall()}
        assert status.st_uid == users.get("camera-soft-stream", 12345)
        assert status.st_gid == groups.get("www-data", groups.get("nginx", 0))


def test_a_link_stays_a_link(tmp_path: Path, file: Path) -> None:
    """Its file is replaced, in its own folder; a link that leads nowhere is an error, not a new file."""
    (tmp_path / "etc").mkdir()
    link, dangling = tmp_path / "etc/htpasswd", tmp_path / "etc/other"
    link.symlink_to("../htpasswd")
    dangling.symlink_to("nowhere")
    put(link, "a", "a:new")
    assert link.is_symlink()
    assert file.read_bytes().startswith(b"# mine: do not touch\r\na:new\r\n")
    with pytest.raises(OSError, match="the link leads to no file"):
        put(dangling, "a", "a:x")
    assert sorted(each.name for each in tmp_path.glob("etc/*")) == ["htpasswd", "other"]


def test_an_error_changes_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one in the block nor a full disk; no other file is left than the lock."""
    with suppress(KeyError), editing(file, USERS_MODE) as lines:
        lines.clear()
        raise KeyError

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    assert file.read_bytes() == OWNERS
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        put(file, "a", "a:new")
    assert file.read_bytes() == OWNERS
    assert sorted(each.name for each in file.parent.iterdir()) == ["htpasswd"]


def test_what_is_no_text_file_is_an_error(tmp_path: Path) -> None:
    """It is neither read for ever nor replaced."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(OSError, match="it is not a regular file"):
            put(tmp_path / name, "a", "a:x")


def test_two_changes_at_once_lose_nothing(file: Path) -> None:
    """The second one waits for the first one, and reads what that has written."""
    inside, others = threading.Event(), list[threading.Thread]()
    for number in range(8):
        others.append(
            threading.Thread(target=lambda name: inside.wait() and put(file, name, f"{name}:x"), args=[f"n{number}"])
        )
    for each in others:
        each.start()
    with editing(file, USERS_MODE) as lines:
        inside.set()
        time.sleep(0.1)
        put_line(lines, "first", "first:x")
    for each in others:
        each.join()
    names = {line.partition(b":")[0] for line in file.read_bytes().split()}
    assert {b"first", *(f"n{number}".encode() for number in range(8))} <= names


def test_a_kill_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    """At every moment the file is whole, and what the killed process has left does not disturb the next one."""
    file, last = tmp_path / "htpasswd", 0
    for _ in range(12):
        command = [sys.executable, "-c", WRITER, str(file), str(last)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout
            writer.stdout.readline()
            time.sleep(secrets.randbelow(100) / 1000)
            writer.kill()
            reported = [int(line) for line in writer.stdout.read().split()]
        content = set(file.read_text().split("\n"))
        (generation,) = content - {""}
        assert len(file.read_text().split("\n")) == 20_001
        last = int(generation.partition(":")[0].removeprefix("user"))
        assert not reported or last in (reported[-1], reported[-1] + 1)
    put(file, "a", "a:x")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["htpasswd"]


@pytest.mark.parametrize("name", ["a", "Hans Muster", "jörg", "a.b-c_d@e", "x" * 64, "ha#1"])
def test_names(name: str) -> None:
    """A name is what HTTP Basic can send and a line can have."""
    check_name(name)


@pytest.mark.parametrize("name", ["a:b", "#a", " a", "a ", "a\tb", "a\nb", "a\0", "a\u202eb", "j\udcf6rg", "\u2028"])
def test_what_is_no_name(name: str) -> None:
    """The sentence shows the name in one line, and what is expected."""
    with pytest.raises(ValueError, match=re.escape("cannot be a name: it must have no colon")) as error:
        check_name(name)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(("name", "length"), [("", 0), ("x" * 65, 65)])
def test_the_length_of_names(name: str, length: int) -> None:
    """A name has 1 to 64 characters."""
    with pytest.raises(ValueError, match=f"A name must have 1 to 64 characters; this one has {length}"):
        check_name(name)
