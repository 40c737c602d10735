"""The files of users and tokens, as they are read."""

import math
import os
from pathlib import Path

import pytest

from soft_stream.access.accounts import Accounts, read_accounts
from soft_stream.access.rights import ALL_RIGHTS, NO_RIGHTS, Rights, Role
from soft_stream.access.tokens import digest_of, find_token, is_expired, new_token

DIGEST = "0123456789abcdef" * 4
NOBODY = 65534
# a hash of a known kind
H = "{SHA}2kuSN7rMzfGcB2DKt67EqDWQELA="


def users(folder: Path, content: bytes) -> Accounts:
    """Read a file of users."""
    (folder / "htpasswd").write_bytes(content)
    return read_accounts(str(folder / "htpasswd"), None)


def test_lines_of_users(tmp_path: Path) -> None:
    """A name, a hash, and rights; without rights it is an admin, as each login was before there were roles."""
    text = f"a:{H}\nb:{H}:role=view camera=0,12\nc:!{H}:role=control\n d :*:camera=3\ne:\n"
    found = users(tmp_path, text.encode())
    assert {name: (user.hash, user.rights) for name, user in found.users.items()} == {
        "a": (H, ALL_RIGHTS),
        "b": (H, Rights(Role.VIEW, frozenset({0, 12}))),
        "c": (f"!{H}", Rights(Role.CONTROL)),
        " d ": ("*", Rights(Role.ADMIN, frozenset({3}))),
        "e": ("", ALL_RIGHTS),
    }
    assert (found.problems, found.must_login) == ((), True)


def test_what_nginx_accepts(tmp_path: Path) -> None:
    """Comments, empty lines, CRLF, a BOM, no newline at the end, names that are not UTF-8, and U+2028 within a name."""
    text = f"\ufeffa:{H}\r\n# c:h\r\n\r\n  \nj\udcf6rg:{H}:role=view\r\nx\u2028y:{H}\nlast:{H}"
    found = users(tmp_path, text.encode(errors="surrogateescape"))
    assert {name: user.hash for name, user in found.users.items()} == dict.fromkeys(
        ("a", "j\udcf6rg", "x\u2028y", "last"), H
    )
    assert not found.problems


def test_the_first_line_of_a_name_counts(tmp_path: Path) -> None:
    """As for nginx; the other one is a problem that has its line, without its hash."""
    found = users(tmp_path, f"a:{H}:role=view\nb:{H}\na:*\n".encode())
    assert (found.users["a"].hash, found.users["a"].rights) == (H, Rights(Role.VIEW))
    assert found.problems == (f"{tmp_path}/htpasswd:3: the user a has an earlier line, which counts",)


def test_a_damaged_hash_is_a_problem(tmp_path: Path) -> None:
    """As is a password in its place, which must not be in the log."""
    found = users(tmp_path, b"a:Tr0ub4dor&3\nb:$2b$10$short\n")
    assert [each.split(": ", 1)[1] for each in found.problems] == [
        f"the hash of the user {name} is of no known kind or damaged, so no password is right" for name in "ab"
    ]


@pytest.mark.parametrize(
    "rights",
    ["view", "role=", "role=root", "Role=view", "role=view camera=", "role=view camera=a", "camera=100", "camera=1,,2",
     "role=view,camera=0", "camera=" + "9" * 5000, "role=view role=admin", "camera=\xb2", "a comment of Apache"],
)  # fmt: skip
def test_rights_that_cannot_be_read_are_none(tmp_path: Path, rights: str) -> None:
    """An error must not make an admin; the user exists, and the problem has file, line and word."""
    found = users(tmp_path, f"a:{H}:{rights}\n".encode())
    assert found.users["a"].rights == NO_RIGHTS
    assert len(found.problems) == 1
    assert found.problems[0].startswith(f"{tmp_path}/htpasswd:1: the user a has no rights: ")
    assert H not in found.problems[0]
    assert len(found.problems[0]) < 400


def test_without_a_file_there_are_no_users(tmp_path: Path) -> None:
    """Also without its folder, and with comments only."""
    for name in ("htpasswd", "missing/htpasswd"):
        assert read_accounts(str(tmp_path / name), None) == Accounts(is_missing=True)
    assert users(tmp_path, b"# a:b\n\n") == Accounts()
    assert read_accounts("", None) == Accounts()


def test_what_cannot_be_read_needs_a_login(tmp_path: Path) -> None:
    """It may have users: a folder, a pipe, a link to nothing, a huge file, a path through a file, broken lines."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_bytes(b"no colon here\n")
    (tmp_path / "huge").write_bytes(b"#" * 2_000_000)
    for name in ("folder", "pipe", "link", "loop", "file", "huge", "file/htpasswd"):
        found = read_accounts(str(tmp_path / name), None)
        assert (found.users, found.must_login) == ({}, True), name
        assert str(tmp_path / name) in found.problems[0]


def test_a_file_without_permission_needs_a_login(tmp_path: Path) -> None:
    """Never "no users"."""
    (tmp_path / "htpasswd").write_text(f"a:{H}\n")
    (tmp_path / "htpasswd").chmod(0)
    before = os.geteuid()
    try:
        os.seteuid(before or NOBODY)  # root may read everything
        found = read_accounts(str(tmp_path / "htpasswd"), None)
    finally:
        os.seteuid(before)
    assert (found.users, found.must_login) == ({}, True)
    assert f"{tmp_path}/htpasswd cannot be read: Permission denied" in found.problems


def test_tokens(tmp_path: Path) -> None:
    """They are beside the users; a line that cannot be read is a problem, and no token."""
    (tmp_path / "tokens").write_text(
        f"one:{DIGEST}:role=view camera=0 created=2026-11-30T12:00Z expires=2027-11-30T12:00Z\n"
        f"two:{DIGEST[::-1]}:role=control expires=never\r\n"
        "# a comment\n"
        f"no-role:{DIGEST}:expires=never\n"
        f"no-end:{'1' * 64}:role=view\n"
        f"when:{'2' * 64}:role=view expires=soon\n"
        f"what:{'3' * 64}:role=view colour=red expires=never\n"
        "short:abc:role=view expires=never\n"
    )
    found = users(tmp_path, b"")
    one, two = found.tokens[DIGEST], found.tokens[DIGEST[::-1]]
    assert (one.name, one.rights, one.expires_at) == ("one", Rights(Role.VIEW, frozenset({0})), 1827576000.0)
    assert (two.name, two.rights, two.expires_at) == ("two", Rights(Role.CONTROL), math.inf)
    assert len(found.tokens) == 2
    assert [problem.split(": ")[0] for problem in found.problems] == [
        f"{tmp_path}/tokens:{line}" for line in (4, 5, 6, 7, 8)
    ]
    assert not found.must_login
    assert [is_expired(one, each) for each in (1827575999.9, 1827576000.0)] == [False, True]


def test_a_token_is_found_by_its_digest(tmp_path: Path) -> None:
    """Only the whole text is a token."""
    token = new_token()
    (tmp_path / "tokens").write_text(f"x:{digest_of(token)}:role=view expires=never\n")
    found = users(tmp_path, b"")
    assert len(token) == 47
    assert find_token(found, token) is found.tokens[digest_of(token)]
    for wrong in (token[:-1], f"{token}a", digest_of(token), new_token(), "", f"{token}\n"):
        assert find_token(found, wrong) is None


def test_tokens_that_cannot_be_read(tmp_path: Path) -> None:
    """The users still count."""
    (tmp_path / "tokens").mkdir()
    found = users(tmp_path, f"a:{H}\n".encode())
    assert (list(found.users), found.tokens) == (["a"], {})
    assert found.problems == (f"{tmp_path}/tokens cannot be read: it is not a regular file",)
