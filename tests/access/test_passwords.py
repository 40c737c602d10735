"""Hashes of passwords, of all kinds that libcrypt and nginx have."""

import re
import subprocess

import pytest

from soft_stream.access.passwords import is_known, is_locked, is_password, make_hash, stand_in
from soft_stream.access.signing import SigningKey

# from the documentation or tests of bcrypt, libxcrypt, Drepper's SHA-crypt, Apache and nginx
HASHES = {
    "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW": "U*U",
    "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW": "U*U",
    "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW": "U*U",
    "$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e": "\udca3",
    "$1$abcdefgh$nnrIMPHCd3PUXRG/OpKeZ/": "Příliš žluťoučký",
    "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/": "myPassword",
    "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5": "Hello world!",
    "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA": "Hello world!",
    "$6$saltstring$"
    "svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1": "Hello world!",
    "$y$j75$salt$ZnE8iOmkVOktSEw8LEophcaWMDygO1D1tkvflzxzC31": "pw",
    "$gy$j75$salt$PvfW4nq0DIAvhSonqosPn/XvBlB9Oq9reAZEqg6.aK5": "pw",
    "_J9..rasm6f5ycSbUcd6": "pw",
    "rl0uE0e2WKB0.": "password",
    "{SHA}LvpxzH4QOakv3o02aA5nYoyIA7Y=": "foobar!",
    "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0": "secret",
    "{PLAIN}pa ss": "pa ss",
}


def openssl(kind: str, password: str) -> str:
    """Return a hash that openssl makes."""
    command = ["openssl", "passwd", kind, "-stdin"]
    return subprocess.run(command, input=password, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("coded", HASHES)
def test_hashes_of_other_programs(coded: str) -> None:
    """The right password, and neither another one nor an empty one; nor with a hash that was changed or cut."""
    password = HASHES[coded]
    assert is_known(coded)
    assert is_password(password, coded)
    for wrong in ("", f"x{password}", password[:-1], f"{password}\0", password.swapcase() + "1", coded):
        assert not is_password(wrong, coded), wrong
    other = "a" if coded[-2] != "a" else "b"
    assert not is_password(password, coded[:-2] + other + coded[-1])
    assert not is_password(password, coded[:-1])
    assert is_known(coded[:-1]) == coded.startswith(("{PLAIN}", "{SSHA}", "$y$", "$gy$"))


@pytest.mark.parametrize("kind", ["-apr1", "-1", "-5", "-6"])
@pytest.mark.parametrize("password", ["a", "-stdin", "p:w %$'\"\\", "žluťoučký kůň 🐎", "x" * 200])
def test_hashes_of_openssl(kind: str, password: str) -> None:
    """With every character that a password can have."""
    coded = openssl(kind, password)
    assert is_known(coded)
    assert is_password(password, coded)
    assert not is_password(f"{password}x", coded)
    assert not is_password(f"{password}\nx", coded)


@pytest.mark.parametrize("coded", ["", "*", "!", "!$2b$10$abc", "*0", "*1", "*LK*"])
def test_locked_hashes(coded: str) -> None:
    """No password is right, also none that looks like what libcrypt returns for an error."""
    assert is_locked(coded)
    for password in ("", "*", "*0", "*1", "!", coded):
        assert not is_password(password, coded)


@pytest.mark.parametrize(
    "coded",
    ["x", "secret", "$6$", "$6$salt", "$2b$10$", "$2b$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
     "$apr1$", "$apr1$a b$HqJZimcKQFAMYayBlzkrA/", "$apr1$waytoolongsalt$HqJZimcKQFAMYayBlzkrA/", "{SSHA}", "{SSHA}abc",
     "{SHA}", "{PLAIN}", "{MD5}LvpxzH4QOakv3o02aA5nYoyIA7Y=", "$argon2id$v=19$m=65536$abc", "\udcff\udcfe", "é"],
)  # fmt: skip
def test_broken_hashes(coded: str) -> None:
    """No password is right, and nothing is raised."""
    assert not is_known(coded)
    for password in ("", "secret", "x", coded):
        assert not is_password(password, coded)


def test_over_long_passwords() -> None:
    """They are wrong, where openssl or libcrypt would compare only a part."""
    assert is_password("x" * 256, openssl("-apr1", "x" * 256))
    for length in (257, 300, 100_000):
        assert not is_password("x" * length, openssl("-apr1", "x" * 256))
        assert not is_password("x" * length, openssl("-6", "x" * 256))


def test_apr1_without_openssl(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """No password is right, and the log has the reason, not the password."""
    monkeypatch.setenv("PATH", "/nowhere")
    assert not is_password("myPassword", "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/")
    assert caplog.messages == [
        "openssl cannot verify a password of the kind $apr1$: [Errno 2] No such file or directory: 'openssl'"
    ]


def test_new_hashes() -> None:
    """They are bcrypt of cost 10, each with a salt of its own, and hold for every password that is accepted."""
    assert make_hash("x").startswith("$2b$10$")
    assert make_hash("x") != make_hash("x")
    for password in ("x", "ž" * 36, "a b\u00a0c", "🐎 " * 14, ":#"):
        coded = make_hash(password)
        assert is_known(coded)
        assert is_password(password, coded)
        assert not is_password(f"{password[:-1]}\u0001", coded)


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("", "The password is empty; it must have at least 1 character"),
        ("x" * 73, "The password has 73 bytes; it must have at most 72"),
        ("ž" * 37, "The password has 74 bytes; it must have at most 72"),
        ("a\tb", "The password has a control character, such as a tab; programs cannot send these"),
        ("a\0b", "The password has a control character, such as a tab; programs cannot send these"),
        ("a\x7f", "The password has a control character, such as a tab; programs cannot send these"),
        ("a\udcff", "The password is not UTF-8 text"),
    ],
)
def test_what_is_no_password(password: str, problem: str) -> None:
    """The sentence names what is wrong, without the password."""
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        make_hash(password)


def test_stand_ins_for_unknown_users() -> None:
    """A name always gets the same hash, whatever the order of the file; only the key shows which."""
    hashes = list(HASHES)[:4]
    key, other = SigningKey(b"k" * 32), SigningKey(b"l" * 32)
    names = [f"user{number}" for number in range(100)]
    chosen = [stand_in(name, hashes, key) for name in names]
    assert chosen == [stand_in(name, hashes[::-1], key) for name in names]
    assert set(chosen) == set(hashes)
    assert chosen != [stand_in(name, hashes, other) for name in names]
    assert not is_password("*", stand_in("x", [], key))
