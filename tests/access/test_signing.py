"""The signing key: made once, shared by all processes, never half."""

import logging
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from soft_stream.access import internal
from soft_stream.access.signing import SigningKey

MAKE = "import sys; from pathlib import Path; from soft_stream.access.signing import SigningKey as K\n"
MAKE += "print(K.load(Path(sys.argv[1])).digest('test', 'x'))"


def test_processes_that_start_at_once_share_a_key(tmp_path: Path) -> None:
    """The first one makes it, with the folder; only its user can read it."""
    state = tmp_path / "new/state"
    command = [sys.executable, "-c", MAKE, str(state)]
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda _: subprocess.run(command, capture_output=True, text=True), range(6)))
    assert {result.stdout for result in results} == {SigningKey.load(state).digest("test", "x") + "\n"}
    assert stat.S_IMODE((state / "signing-key").stat().st_mode) == 0o600
    assert sorted(each.name for each in state.iterdir()) == ["signing-key"]


def test_a_key_that_another_process_makes_at_this_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not taken for a link that leads to no file: a key in memory would be known to one process only."""
    link = os.path.islink
    made = list[str]()

    def islink(path: Path) -> bool:
        if not made:
            made.append(SigningKey(b"k" * 32).digest("a", "b"))
            (tmp_path / "signing-key").write_text((b"k" * 32).hex())
        return link(path)

    monkeypatch.setattr("os.path.islink", islink)
    monkeypatch.setattr("os.path.lexists", lambda path: islink(path) or path.exists())
    assert [SigningKey.load(tmp_path).digest("a", "b")] == made


def test_a_damaged_key_is_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A short key would be weak; one line says that sessions end."""
    for content in (b"", b"ab", b"\0" * 64, b"zz" * 32):
        (tmp_path / "signing-key").write_bytes(content)
        key = SigningKey.load(tmp_path)
        assert SigningKey.load(tmp_path).digest("a", "b") == key.digest("a", "b")
    assert "is damaged, so a new key replaces it" in caplog.text


def test_a_key_that_others_can_read_is_made_private(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As after a copy without modes; one line says so, because others may have a copy."""
    SigningKey.load(tmp_path)
    (tmp_path / "signing-key").chmod(0o644)
    SigningKey.load(tmp_path)
    assert stat.S_IMODE((tmp_path / "signing-key").stat().st_mode) == 0o600
    SigningKey.load(tmp_path)
    assert caplog.messages == [
        f"Others could read {tmp_path}/signing-key; now only its user can. Remove it if they may have a copy."
    ]


def test_without_a_place_the_key_is_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A folder that cannot be used is a warning, and the process works."""
    assert SigningKey.load(None).digest("a", "b") != SigningKey.load(None).digest("a", "b")
    assert not caplog.messages
    (tmp_path / "file").touch()
    (tmp_path / "signing-key").symlink_to("/dev/zero")
    for folder in (tmp_path / "file", tmp_path):
        key = SigningKey.load(folder)
        assert key.read("a", key.sign("a", {"b": 1})) == {"b": 1}
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert f"{tmp_path}/file/signing-key cannot be used: Not a directory." in caplog.text


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root rights")
def test_the_key_of_root_is_for_the_owner_of_the_folder(tmp_path: Path) -> None:
    """`doctor` may need it before the service has started."""
    os.chown(tmp_path, 12345, 12346)
    SigningKey.load(tmp_path)
    for file in tmp_path.iterdir():
        assert (file.stat().st_uid, file.stat().st_gid) == (12345, 12346)


def test_internal_tokens_last_a_minute() -> None:
    """Neither an old one nor one from the future counts, nor another text."""
    key, now = SigningKey(b"k" * 32), 1_800_000_000.5
    token = internal.make_token(key, now)
    seen = [internal.rights_of(key, token, now + seconds) is not None for seconds in (-61, -60, 0, 60, 61)]
    assert seen == [False, True, True, True, False]
    assert not internal.rights_of(SigningKey(b"l" * 32), token, now)
    assert not internal.rights_of(key, key.sign("session", {"at": now}), now)
    assert not internal.rights_of(key, "css_x", now)
