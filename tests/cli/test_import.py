"""`soft-stream import`: its output, its exit status, and what --write does to a file."""

import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest

from soft_stream.cli.main import main
from tests.support.processes import ENVIRON, run

USTREAMER = ("--", "ustreamer", "--resolution", "1280x720", "--port", "8090", "--workers", "3")
LINES = ("cam0_width=1280\n", "cam0_height=720\n", "cam0_port=8090\n")
BACKUP = r"settings\.env\.\d{8}T\d{6}"


def answer(program: list[str], cwd: Path, reply: str) -> tuple[int, str]:
    """Run a program on a terminal, and reply to its question."""
    leader, follower = pty.openpty()
    with subprocess.Popen(program, stdin=follower, stdout=follower, stderr=follower, cwd=cwd, env=ENVIRON) as process:
        os.close(follower)
        shown, is_asked = "", False
        while select.select([leader], [], [], 60)[0]:
            try:
                chunk = os.read(leader, 4096).decode()
            except OSError:  # EIO: the other side is closed
                break
            if not chunk:
                break
            shown += chunk
            if "[y/N]" in shown and not is_asked:
                os.write(leader, f"{reply}\n".encode())
                is_asked = True
        os.close(leader)
        return process.wait(), shown


def test_the_settings_go_to_stdout_and_the_rest_to_stderr(tmp_path: Path) -> None:
    """The output is a settings file that `check` accepts; what is not translated is on stderr, and a comment in it."""
    done = run("import", *USTREAMER, cwd=tmp_path)
    assert done.returncode == 0
    assert all(line in done.stdout for line in LINES)
    assert "not translated: cam0: --workers 3: threads are added" in done.stderr
    assert "# cam0: --workers 3: threads are added" in done.stdout
    file = tmp_path / "new.env"
    file.write_text(done.stdout)
    assert run("check", "--env-file", str(file)).returncode == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"hello\n", "nothing of an older program was recognised"),
        (b"cam0_name=\xe4\n", "not UTF-8"),
        (b"\x7fELF\0\0", "not a text file"),
        (b"a" * 1_000_001, "larger than 1 MB"),
        (b"ustreamer --port 'x\n", "quotes are not balanced"),
    ],
)
def test_what_cannot_be_imported_ends_with_65(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, words: str
) -> None:
    """Empty, unknown, binary and huge files, and other encodings, are named in one sentence."""
    file = tmp_path / "older"
    file.write_bytes(content)
    assert main(["import", str(file)]) == 65
    output = capsys.readouterr()
    assert words in output.err
    assert (output.out, output.err.count("\n")) == ("", 1)


def test_missing_files_and_arguments_end_with_65(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing file, a folder, no source and an unknown kind are sentences, too."""
    for arguments in (
        [str(tmp_path / "none")],
        [str(tmp_path)],
        [],
        ["--from", "vlc", "x"],
        ["--", "vlc", "x"],
        ["--", ""],
    ):
        assert main(["import", *arguments]) == 65
        assert capsys.readouterr().err.count("\n") == 1


def test_standard_input(tmp_path: Path) -> None:
    """`-` is the standard input."""
    command = [sys.executable, "-m", "soft_stream", "import", "-"]
    done = subprocess.run(
        command, input="[cam 1]\nport: 8090\n", capture_output=True, text=True, check=True, env=ENVIRON
    )
    assert "cam0_port=8090\n" in done.stdout


def test_a_command_in_one_word(capsys: pytest.CaptureFixture[str]) -> None:
    """A command may be one argument, quoted; its password is shown nowhere."""
    assert main(["import", "ustreamer --port 8090 --passwd s3cret --user anna"]) == 0
    output = capsys.readouterr()
    assert "cam0_port=8090\n" in output.out
    assert "s3cret" not in output.out + output.err


@pytest.mark.parametrize(
    "url", ["rtsp://anna:s3cret@cam/live", "rtsp://anna:s3/cret@cam/live", "http://cam/?key=s3cret"]
)
def test_the_login_of_a_url_is_only_in_its_setting(capsys: pytest.CaptureFixture[str], url: str) -> None:
    """Comments and messages have a URL without its login, also one that the settings do not accept."""
    assert main(["import", "--", "mjpg_streamer", "-i", f"input_opencv.so -d {url}"]) == 0
    output = capsys.readouterr()
    others = [line for line in output.out.splitlines() if not line.startswith("cam0_url=")]
    assert "s3" not in "\n".join(others) + output.err


@pytest.mark.parametrize(("host", "mode"), [("anna:s3cret@cam", 0o600), ("cam", 0o644)])
def test_a_new_file_with_a_password_is_private(tmp_path: Path, host: str, mode: int) -> None:
    """Only its owner reads a file that --write makes for a URL with a password."""
    file = tmp_path / "settings.env"
    assert (
        main(["import", "--write", str(file), "--", "mjpg_streamer", "-i", f"input_opencv.so -d rtsp://{host}/"]) == 0
    )
    assert file.stat().st_mode & 0o777 == mode


def test_cameras_from_a_number_on(capsys: pytest.CaptureFixture[str]) -> None:
    """--camera is the number of the first camera."""
    assert main(["import", "--camera", "3", *USTREAMER]) == 0
    assert "cam3_port=8090\n" in capsys.readouterr().out


def test_write_merges_and_keeps_a_copy(tmp_path: Path) -> None:
    """Without a terminal --write shows the changes and writes; mode, link and other lines stay, a copy is beside it."""
    folder = tmp_path / "etc"
    folder.mkdir()
    file, link = folder / "settings.env", tmp_path / "link.env"
    before = "# mine\ncam0_width=640\ncam0_height=480\ncam1_name=Bed\n"
    file.write_text(before)
    file.chmod(0o640)
    link.symlink_to(file)
    done = run("import", "--write", str(link), *USTREAMER)
    assert done.returncode == 0, done.stderr
    assert "-cam0_width=640" in done.stdout
    assert "+cam0_width=1280" in done.stdout
    after = file.read_text()
    assert after.startswith("# mine\ncam0_width=1280\ncam0_height=720\ncam1_name=Bed\n")
    assert link.is_symlink()
    copy = next(each for each in folder.iterdir() if each != file)
    assert re.fullmatch(BACKUP, copy.name)
    assert copy.read_text() == before
    assert {each.stat().st_mode & 0o777 for each in (file, copy)} == {0o640}
    again = run("import", "--write", str(link), *USTREAMER)
    assert "nothing changes" in again.stdout
    assert len(list(folder.iterdir())) == 2


def test_each_change_keeps_its_own_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two changes within a second do not overwrite each other's copy."""
    file = tmp_path / "settings.env"
    file.write_text("cam0_fps=1\ncam0_start_timeout=20\ncam0_watchdog_timeout=20\n")
    for fps in ("10", "20", "30"):
        assert main(["import", "--write", str(file), "--", "ustreamer", "--desired-fps", fps]) == 0
    first_values = sorted(each.read_text().splitlines()[0] for each in tmp_path.iterdir())
    assert first_values == ["cam0_fps=1", "cam0_fps=10", "cam0_fps=20", "cam0_fps=30"]


def test_write_without_a_file_makes_the_local_one(tmp_path: Path) -> None:
    """The default is the installed file, else the one in the working directory; `--write FILE` alone imports FILE."""
    (tmp_path / "crowsnest.conf").write_text("[cam 1]\nport: 8090\n")
    for arguments in (("crowsnest.conf", "--write"), ("--write", "crowsnest.conf")):
        done = run("import", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        local = tmp_path / "camera-soft-stream.env"
        assert "cam0_port=8090\n" in local.read_text()
        local.unlink()


@pytest.mark.parametrize(("reply", "status"), [("y", 0), ("n", 1), ("", 1)])
def test_a_terminal_is_asked(tmp_path: Path, reply: str, status: int) -> None:
    """On a terminal the changes are shown, and only `y` writes them."""
    program = [sys.executable, "-m", "soft_stream", "import", "--write", "settings.env", *USTREAMER]
    result, shown = answer(program, tmp_path, reply)
    assert result == status
    assert "+cam0_width=1280" in shown
    assert (tmp_path / "settings.env").exists() == (status == 0)


def test_a_file_with_errors_is_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Errors that the file has already are listed, with 78, and nothing is written."""
    file = tmp_path / "settings.env"
    file.write_text("cam0_fps=fast\n")
    assert main(["import", "--write", str(file), *USTREAMER]) == 78
    assert "line 1: cam0_fps=fast: must be a number" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["settings.env"]


def test_a_file_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that does not exist is a sentence."""
    assert main(["import", "--write", str(tmp_path / "none/settings.env"), *USTREAMER]) == 65
    assert "cannot be written: No such file or directory" in capsys.readouterr().err


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` shows how to import a file and a command."""
    assert main(["import", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "soft-stream import -- mjpg_streamer -i" in shown
    assert "--write" in shown


def test_the_predecessor_s_file_is_translated_in_place(tmp_path: Path) -> None:
    """Its file is at the place of ours: --write translates its words and comments out what has no meaning."""
    file = tmp_path / "camera-soft-stream.env"
    file.write_text('# mine\ncam0_index=0\ncam0_id=/base/x\ncam0_name="Left"\ncam0_quality=high\ncam0_turbo=yes\n')
    done = run("import", "--write", file.name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = file.read_text()
    assert text.startswith("# mine\n")
    assert 'cam0_id=/base/x\ncam0_name="Left"\n#cam0_quality=high\ncam0_quality=70\n#cam0_turbo=yes\n' in text
    assert "cam0_turbo: there is no such setting" in done.stderr
    assert run("check", "--env-file", str(file)).returncode == 0


@pytest.mark.parametrize(
    "words",
    [(sys.executable, "-m", "webcamd", "--port", "8097"), ("/bin/sh", "-c", "exec ustreamer --port 8097 >/dev/null")],
)
def test_a_program_that_starts_the_older_one(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    """The first word of a command may be an existing file, such as that of a shell."""
    assert main(["import", "--", *words]) == 0
    assert "cam0_port=8097\n" in capsys.readouterr().out


def test_two_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One file is imported at a time, whatever the name of the second one."""
    file = tmp_path / "octopi.txt"
    file.write_text("camera_usb_options=''\n")
    assert main(["import", str(file), "/etc/default/mjpg-streamer"]) == 65
    assert "one FILE at a time" in capsys.readouterr().err


def test_targets_that_are_no_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe and a loop of symbolic links are sentences."""
    pipe, loop = tmp_path / "pipe", tmp_path / "loop"
    os.mkfifo(pipe)
    loop.symlink_to(loop)
    assert main(["import", "--write", str(pipe), *USTREAMER]) == 65
    assert capsys.readouterr().err == f"{pipe}: not a regular file\n"
    assert main(["import", "--write", str(loop), *USTREAMER]) == 65
    assert "symbolic links" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_an_output_that_is_full(tmp_path: Path) -> None:
    """A redirection to a full disk is a sentence, not a traceback, and no success."""
    command = [sys.executable, "-m", "soft_stream", "import", *USTREAMER]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=ENVIRON, cwd=tmp_path
        )
    assert done.returncode == 65
    assert done.stderr.splitlines()[-1] == "The output cannot be written: No space left on device"
