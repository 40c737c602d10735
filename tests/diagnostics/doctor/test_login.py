"""The doctor and processes that require a login, with the token of our own commands."""

from dataclasses import replace
from pathlib import Path

import pytest

from soft_stream.access import internal
from soft_stream.access.signing import FILE, SigningKey
from soft_stream.config.settings import Settings
from soft_stream.diagnostics.doctor.host import Host, Reply
from tests.diagnostics.doctor.stand_in import CONFIGURED, deployed, examine, status, wrongs
from tests.support.processes import serving

STATUS, HEALTH = "http://127.0.0.1:18081/status.json", "http://127.0.0.1:18081/healthz"
OWN = "own-token"
LOCKED = {STATUS: Reply(401, "A login is needed."), HEALTH: Reply(401, "A login is needed.")}


def test_a_user_who_may_not_read_the_key() -> None:
    """The camera is not called dead: the finding is a note that advises to use sudo."""
    findings = examine(deployed(urls=LOCKED))
    assert wrongs(findings) == {}
    (finding,) = findings["service"]
    assert finding.level == "note"
    assert finding.what == "port 18081 of camera 0 requires a login (401), so its process was not checked"
    assert finding.fix == "run the doctor with sudo to see it"


def test_a_user_who_may_read_the_key() -> None:
    """The process is checked as without a login."""
    with_token = {
        url.replace("//", "//own-token@"): reply
        for url, reply in ((STATUS, Reply(200, status())), (HEALTH, Reply(200, "Camera 0: streaming\n")))
    }
    findings = examine(deployed(urls=LOCKED | with_token, token=OWN))
    assert wrongs(findings) == {}
    assert findings["service"][0].what == "camera 0, http://127.0.0.1:18081: Camera 0: streaming"
    assert OWN not in str(findings)


@pytest.mark.parametrize("code", [401, 403])
def test_a_process_that_refuses_the_token(code: int) -> None:
    """It has another key, or is another program: that is wrong."""
    findings = examine(deployed(urls={STATUS: Reply(code)}, token=OWN))
    assert wrongs(findings)["service"] == [f"port 18081 of camera 0 refuses the doctor's own login ({code})"]
    assert "sudo systemctl restart camera-soft-cam@0.service" in findings["service"][0].fix


def test_a_login_of_the_network(tmp_path: Path) -> None:
    """A camera that listens on another address of this machine counts as the network: the token is sent there, too."""
    url = "http://192.168.1.5:18081"
    replies = {
        f"{url}/status.json": Reply(401),
        f"{url}/healthz".replace("//", "//own-token@"): Reply(200, "Camera 0: idle\n"),
        f"{url}/status.json".replace("//", "//own-token@"): Reply(200, status()),
    }
    host = deployed(settings=f"{CONFIGURED}cam_bind=192.168.1.5\n", urls=replies, token=OWN)
    assert examine(host)["service"][0].what == f"camera 0, {url}: Camera 0: idle"


def test_the_key_is_only_read(tmp_path: Path) -> None:
    """Without a key, or a folder, or the right to read it there is no token, and nothing is made."""
    for folder in (None, tmp_path / "none", tmp_path):
        assert internal.token_of(folder, 0) == ""
    (tmp_path / FILE).write_text("damaged")
    assert internal.token_of(tmp_path, 0) == ""
    assert (tmp_path / FILE).read_text() == "damaged"
    assert [each.name for each in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("path", ["/status.json", "/healthz", "/snapshot.jpg?size=stream"])
def test_a_real_process(tmp_path: Path, path: str) -> None:
    """A process with cam_auth=always accepts the token of its state directory for its camera, and no other."""
    host, state = Host(), tmp_path / "state"
    state.mkdir()
    environ = {"STATE_DIRECTORY": str(state), "cam_auth": "always", "cam_users_file": str(tmp_path / "htpasswd")}
    with serving(environ=environ) as (_, url):
        assert host.get(f"{url}{path}").status == 401
        settings = Settings(bind=("127.0.0.1",), port=int(url.rpartition(":")[2]), state_directory=state)
        assert host.ask(settings, path).status == 200
        assert host.ask(replace(settings, camera=1), path).status == 403
        SigningKey.load(tmp_path / "other")
        assert host.ask(replace(settings, state_directory=tmp_path / "other"), path).status == 401
    assert state.joinpath(FILE).stat().st_mode & 0o777 == 0o600
