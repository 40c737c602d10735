"""The arguments of deploy-soft-stream.sh, and the repository's file for a target."""

import subprocess
import sys
from pathlib import Path

import pytest
from rollout import bundle, deploy
from rollout.target import Target, TargetError

from soft_stream.cli.main import main
from soft_stream.service.exit_status import ExitStatus
from tests.support.checkout import ROOT

UNREACHABLE = 69
WRONG_ARGUMENTS = 2
FACTS = {"name": "nestbox", "os": "Debian", "machine": "x86_64", "python": "3.13", "root": True, "systemd": True}
FACTS |= {"mounts": "", "cmdline": "", "read_only": []}


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str | None]:
    """Return a list of the hosts that `deploy` would have reached; this machine is no Raspberry Pi."""
    hosts: list[str | None] = []

    def facts(target: Target, _: str) -> None:
        target._sockets.cleanup()
        hosts.append(target.host)
        raise TargetError("stopped here")

    monkeypatch.setattr(Target, "facts", facts)
    monkeypatch.setattr(deploy, "MODEL", tmp_path / "model")
    return hosts


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the path of the repository's file for a machine that can be reached."""
    file = tmp_path / "camera-soft-stream.nestbox.env"

    def facts(target: Target, _: str) -> dict[str, object]:
        target._sockets.cleanup()
        return FACTS

    monkeypatch.setattr(Target, "facts", facts)
    monkeypatch.setattr(deploy, "_check_alone", lambda _: None)
    monkeypatch.setattr(deploy, "repository_settings", lambda *_: file)
    return file


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run the deployment and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["deploy", *words])
    try:
        return deploy.main()
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.mark.parametrize("words", [(), ("--rollback",), ("--uninstall",), ("--dry-run",)])
def test_without_a_host_only_a_raspberry_pi_is_the_target(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    reached: list[str | None],
    words: tuple[str, ...],
) -> None:
    """Another machine asks for --local or user@host; each command accepts them."""
    assert run(monkeypatch, *words) == WRONG_ARGUMENTS
    said = capsys.readouterr().err
    assert "no Raspberry Pi" in said
    assert "user@host" in said.splitlines()[-1]
    assert "--local" in said.splitlines()[-1]
    assert run(monkeypatch, *words, "--local") == UNREACHABLE
    assert run(monkeypatch, *words, "pi@nestbox") == UNREACHABLE
    deploy.MODEL.write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    assert run(monkeypatch, *words) == UNREACHABLE
    deploy.MODEL.write_bytes(b"Radxa ROCK 5B\0")
    assert run(monkeypatch, *words) == WRONG_ARGUMENTS
    assert reached == [None, "pi@nestbox", None]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--local", "pi@nestbox"), "--local excludes user@host"),
        (("",), "user@host is empty"),
        (("--local", "--port", "22"), "--port is for ssh"),
        (("--local", "--prefer", "mine"), "--prefer: invalid choice"),
    ],
)
def test_wrong_arguments_are_named(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    reached: list[str | None],
    words: tuple[str, ...],
    said: str,
) -> None:
    """The status is 2, and no machine is reached."""
    assert run(monkeypatch, *words) == WRONG_ARGUMENTS
    assert said in capsys.readouterr().err
    assert reached == []


def test_a_host_can_have_its_own_file(tmp_path: Path) -> None:
    """The host as typed decides, then the name of the machine, else the file for all."""
    assert deploy.repository_settings("pi@nestbox.lan", "nestbox", tmp_path).name == "camera-soft-stream.env"
    (tmp_path / "camera-soft-stream.nestbox.env").touch()
    for host in ("pi@nestbox.lan", "10.0.0.7", "pi@nestbox", None):
        assert deploy.repository_settings(host, "nestbox", tmp_path).name == "camera-soft-stream.nestbox.env"
    (tmp_path / "camera-soft-stream.nestbox.lan.env").touch()
    assert (
        deploy.repository_settings("pi@nestbox.lan", "nestbox", tmp_path).name == "camera-soft-stream.nestbox.lan.env"
    )
    assert deploy.repository_settings("pi@printer", "printer", tmp_path).name == "camera-soft-stream.env"


@pytest.mark.parametrize("text", ["cam0_fps=fast\n", "cam_fps=fast\n", "cam0_speed=1\n"])
def test_a_wrong_file_is_found_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: Path, text: str
) -> None:
    """Also a value for all cameras in a file that names no camera; the status is 78."""
    file.write_text(text)
    assert run(monkeypatch, "--local") == ExitStatus.CONFIG_ERROR
    assert f"{file}:1: {text.strip()}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "is_older"),
    [
        ("cam0_index=0\n", True),
        ("cam1_quality=Very-High\n", True),
        ("CAM0_FRAMERATE=5\n", True),
        ("cam0_fps=fast\n", False),
        ("cam0_quality=best\n", False),
        ("\xe9\n", False),
    ],
)
@pytest.mark.parametrize("is_env_file", [True, False])
def test_words_of_the_older_program(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    file: Path,
    text: str,
    is_older: bool,
    is_env_file: bool,
) -> None:
    """They are errors, and the message names the command that translates them; that command makes them valid."""
    file.write_text(text, encoding="latin-1")
    words = ("--local", "--env-file", str(file)) if is_env_file else ("--local",)
    assert run(monkeypatch, *words) == ExitStatus.CONFIG_ERROR
    error = capsys.readouterr().err
    command = f"import --write {file} {file}"
    assert (command in error) == is_older
    if is_older:
        assert main(command.split()) == 0
        assert deploy._load(file)


def test_a_file_without_cameras_is_no_mistake(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """A file for one host may have values for all cameras only, or one for camera 1 with the port of camera 0."""
    sent: list[Path] = []

    def make(*words: object) -> None:
        sent.append(Path(str(words[3])))
        raise TargetError("stopped here")

    monkeypatch.setattr(bundle, "make", make)
    for text in ("cam_fps=5\n", "cam1_port=18081\n"):
        file.write_text(text)
        assert run(monkeypatch, "--local") == UNREACHABLE
    assert sent == [file, file]


def test_the_first_deployment_of_a_machine_to_itself_has_no_packages() -> None:
    """The program needs only the standard library, because it installs the others."""
    code = (
        f"import sys; sys.path[:0] = {[str(ROOT / 'scripts'), str(ROOT)]}; import rollout.deploy\n"
        "from soft_stream.config.host_names import normalize; assert normalize('ü.example') == 'xn--tda.example'"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
