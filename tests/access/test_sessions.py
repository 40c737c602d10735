"""Sessions: what a cookie proves, and what ends it."""

import base64
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from soft_stream.access import sessions
from soft_stream.access.accounts import Accounts, User, read_accounts
from soft_stream.access.rights import ALL_RIGHTS, Rights, Role
from soft_stream.access.signing import SigningKey

NOW = 1_800_000_000.0
HANS = User("hans", "$2b$04$one", ALL_RIGHTS)
ACCOUNTS = Accounts({"hans": HANS})
KEY = SigningKey(b"k" * 32)


def read(cookie: str, accounts: Accounts = ACCOUNTS, now: float = NOW) -> sessions.Session | None:
    """Read a cookie."""
    return sessions.read(KEY, cookie, accounts, now)


def test_a_session_has_its_user_and_times() -> None:
    """The rights are those that the user has now."""
    cookie = sessions.begin(KEY, HANS, NOW)
    less = replace(HANS, rights=Rights(Role.VIEW))
    session = read(cookie, Accounts({"hans": less}), NOW + 5)
    assert session
    assert (session.user, session.issued_at, session.expires_at) == (less, NOW, NOW + 30 * 86400)
    assert cookie.replace(".", "").replace("-", "").replace("_", "").isalnum()


def test_a_session_expires() -> None:
    """It ends after 30 days, unless it is renewed."""
    cookie = sessions.begin(KEY, HANS, NOW)
    session = read(cookie, now=NOW + sessions.LIFETIME - 1)
    assert session
    assert read(cookie, now=NOW + sessions.LIFETIME) is None
    assert read(sessions.renew(KEY, session, NOW + sessions.LIFETIME - 1), now=NOW + sessions.LIFETIME)


def test_a_new_password_and_a_removed_user_end_sessions() -> None:
    """A user of the same name who is added again has another hash."""
    cookie = sessions.begin(KEY, HANS, NOW)
    assert read(cookie, Accounts({"hans": replace(HANS, hash="$2b$04$two")})) is None
    assert read(cookie, Accounts()) is None


def test_every_altered_character_is_refused() -> None:
    """Also one that Base64 decodes to the same bytes."""
    cookie = sessions.begin(KEY, HANS, NOW)
    for place, char in enumerate(cookie):
        for other in "AB-_.":
            if char != other:
                assert read(cookie[:place] + other + cookie[place + 1 :]) is None
    for wrong in (
        "",
        ".",
        "..",
        cookie + "=",
        cookie + "A",
        f" {cookie}",
        cookie.split(".")[0],
        "\udcff.é",
        "A" * 10**6,
    ):
        assert read(wrong) is None


def test_another_purpose_and_another_key_are_refused() -> None:
    """A session is not an internal token, and one of another machine is none here."""
    cookie = sessions.begin(KEY, HANS, NOW)
    assert KEY.read("internal", cookie) is None
    assert sessions.read(SigningKey(b"l" * 32), cookie, ACCOUNTS, NOW) is None
    payload = json.loads(base64.urlsafe_b64decode(cookie.split(".")[0] + "=="))
    assert HANS.hash not in json.dumps(payload)


def test_a_logout_reaches_every_process(tmp_path: Path) -> None:
    """It ends also the cookies that were made of the same session by a renewal, and no other session."""
    file, now = tmp_path / "htpasswd", time.time()
    file.write_text("hans:$2b$04$one\n")
    first, second = sessions.begin(KEY, HANS, now - 100), sessions.begin(KEY, HANS, now)
    session = read(first, now=now)
    assert session
    renewed = sessions.renew(KEY, session, now)
    sessions.end(tmp_path / "state", session)
    accounts = read_accounts(str(file), tmp_path / "state")
    assert [bool(sessions.read(KEY, each, accounts, now)) for each in (first, renewed, second)] == [False, False, True]
    assert (tmp_path / "state/ended-sessions").stat().st_mode & 0o777 == 0o600


def test_ended_sessions_are_forgotten_when_they_have_expired(tmp_path: Path) -> None:
    """Lines that are no sessions are dropped as well."""
    (tmp_path / "ended-sessions").write_bytes(b"old 1000\nnext 99999999999\n\xff\xfe broken\n\n")
    session = read(sessions.begin(KEY, HANS, NOW))
    assert session
    sessions.end(tmp_path, session)
    assert read_accounts(str(tmp_path / "htpasswd"), tmp_path).ended_sessions == {"next", session.id}


def test_a_session_of_a_name_that_is_not_utf_8() -> None:
    """Such a name in the file works as every other."""
    user = User("j\udcf6rg", "hash", ALL_RIGHTS)
    assert sessions.read(KEY, sessions.begin(KEY, user, NOW), Accounts({user.name: user}), NOW)


def test_a_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is as it was, and no other file is left."""
    session = read(sessions.begin(KEY, HANS, NOW))
    assert session
    sessions.end(tmp_path, session)
    before = (tmp_path / "ended-sessions").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        sessions.end(tmp_path, replace(session, id="other"))
    assert (tmp_path / "ended-sessions").read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["ended-sessions"]
