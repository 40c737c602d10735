"""Arguments of deploy-soft-stream.sh with which nothing is started."""

import os
import sys
from pathlib import Path

import pytest
from rollout import deploy


@pytest.mark.parametrize("login", ["", "#one", "a:b", "two\nlines"])
def test_a_login_that_nginx_cannot_read_is_an_error(
    login: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line of htpasswd is NAME:HASH, or a comment that begins with #."""
    monkeypatch.setattr(sys, "argv", ["deploy", "pi@host", f"--login={login}"])
    with pytest.raises(SystemExit) as end:
        deploy.main()
    assert end.value.code == 2
    assert "the name must not be empty, begin with # or contain a colon" in capsys.readouterr().err


def test_a_pipe_is_no_settings_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would be empty when it is sent, and the settings of the target would be replaced by nothing."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr(sys, "argv", ["deploy", "pi@host", "--env-file", str(pipe)])
    with pytest.raises(SystemExit) as end:
        deploy.main()
    assert end.value.code == 2
    assert f"--env-file {pipe}: must be a regular file" in capsys.readouterr().err


def test_a_python_with_a_dollar_sign_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Systemd would look for another one when the rollout must recover."""
    monkeypatch.setattr(sys, "argv", ["deploy", "pi@host", "--python", "/opt/$HOME/python"])
    with pytest.raises(SystemExit) as end:
        deploy.main()
    assert end.value.code == 2
    assert "--python /opt/$HOME/python: the path must not contain $" in capsys.readouterr().err
