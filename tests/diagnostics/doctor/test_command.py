"""`soft-stream doctor` as a user starts it, on this machine and over the stand-in for libcamera."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from soft_stream.cameras.id_history import MAX_ENTRIES, ServedId, parse_history, record
from soft_stream.diagnostics.doctor.report import Report, note, ok, wrong
from tests.diagnostics.doctor.stand_in import CAM0, CAM1
from tests.support.fake_libcamera import environment, installed
from tests.support.processes import ENVIRON, free_port, run, serving

fake = pytest.mark.skipif(not installed(), reason="Picamera2 is not in .venv/picamera2; scripts/test.sh puts it there")


def asked(file: Path, **environ: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    """Run the command with --json; return exit status, findings and summary."""
    result = run("doctor", "--json", "--env-file", str(file), cwd=None, **environ)
    assert result.stderr == ""
    *findings, summary = map(json.loads, result.stdout.splitlines())
    assert not [each for each in findings if "this check failed" in each["what"]]
    return result.returncode, findings, summary


def about(findings: list[dict[str, Any]], *topics: str) -> list[tuple[str, str]]:
    """Return level and text of the findings on some topics: this machine's kernel may have faults of its own."""
    return [(each["level"], each["what"]) for each in findings if each["about"] in topics]


def test_a_server_with_a_test_camera(tmp_path: Path) -> None:
    """It replies, and nothing that it does not need is missing."""
    file, port = tmp_path / "settings.env", free_port()
    file.write_text(f"cam0_source=test-pattern\ncam0_port={port}\n")
    with serving(port=port) as (_, url):
        _, findings, summary = asked(file)
    found = about(findings, "settings", "cameras", "permissions", "versions", "service")
    assert found == [
        ("ok", f"{file}: valid; cameras: 0 (Camera 0)"),
        ("ok", f"camera 0, {url}: Camera 0: idle"),
    ]
    assert summary["wrong"] == sum(each["level"] == "wrong" for each in findings)


def test_wrong_settings_are_findings_and_end_with_1(tmp_path: Path) -> None:
    """The doctor itself succeeded, so it does not exit with 78."""
    file = tmp_path / "settings.env"
    file.write_text("cam0_fps=fast\n")
    result = run("doctor", "--env-file", str(file))
    assert result.returncode == 1
    assert re.search(rf"^WRONG  settings: {file}:1: cam0_fps=fast: must be", result.stdout, re.MULTILINE)
    assert "         fix: correct this line" in result.stdout
    assert re.search(r"\d+ ok, \d+ note, \d+ WRONG: settings", result.stdout.splitlines()[-1])


def test_the_password_comes_from_the_environment_or_a_pipe_and_is_not_printed(tmp_path: Path) -> None:
    """It is not in any command line."""
    file = tmp_path / "settings.env"
    file.write_text(f"cam0_source=test-pattern\ncam0_port={free_port()}\n")
    secret = "-".join(("s3cret", "word"))
    command = [sys.executable, "-m", "soft_stream", "doctor", "--login", "anna", "--env-file", str(file)]
    for environ, typed in (({"SOFT_STREAM_PASSWORD": secret}, ""), ({}, f"{secret}\n")):
        result = subprocess.run(
            command, input=typed, env=ENVIRON | environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert result.returncode in (0, 1)
        output = result.stdout + result.stderr
        assert secret not in output
        assert base64.b64encode(f"anna:{secret}".encode()).decode() not in output


@fake
def test_the_cameras_of_a_raspberry_pi_5(tmp_path: Path) -> None:
    """Which are connected, which are selected, and which one is another than last time."""
    file = tmp_path / "settings.env"
    file.write_text(f"cam0_id={CAM0}\n")
    (tmp_path / "cam0-served").write_text(f"2026-01-01T00:00:00Z {CAM1}\n")
    environ = environment("pi5") | {"STATE_DIRECTORY": str(tmp_path)}
    _, findings, _ = asked(file, **environ)
    assert about(findings, "cameras") == [
        ("ok", f"camera 0 is imx708_wide, CSI, {CAM0}"),
        ("note", f"imx708_wide, CSI, {CAM1}: not in the settings"),
    ]
    file.write_text("cam0_name=Nozzle\n")
    status, findings, _ = asked(file, **environ)
    assert status == 1
    changed = [each for each in findings if each["about"] == "cameras" and each["level"] == "wrong"]
    assert changed[0]["what"] == f"camera 0 was {CAM1} since 2026-01-01T00:00:00Z, and is now {CAM0}"
    assert f"cam0_id={CAM0}" in changed[0]["fix"]


@fake
def test_the_service_notes_which_camera_it_serves(tmp_path: Path) -> None:
    """All users may read it; a server that was started by hand records nothing."""
    port = str(free_port())
    command = [sys.executable, "-m", "soft_stream", "serve", "--source", "picamera", "--port", port]
    for state in ({"HOME": str(tmp_path)}, {"STATE_DIRECTORY": str(tmp_path / "state")}):
        (tmp_path / "state").mkdir(exist_ok=True)
        environ = ENVIRON | environment("pi5") | state
        with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr
            while "Listening on" not in process.stderr.readline():
                assert process.poll() is None
            process.terminate()
            process.communicate()
        noted = tmp_path / "state/cam0-served"
        assert noted.exists() == ("STATE_DIRECTORY" in state)
    assert [each.id for each in parse_history(noted.read_text())] == [CAM0]
    assert noted.stat().st_mode & 0o777 == 0o644
    assert [*tmp_path.rglob("*-served")] == [noted]  # the key for sessions is kept in both cases


def test_only_changes_are_noted(tmp_path: Path) -> None:
    """The newest is last, and the number is limited; a folder that cannot be written is not an error."""
    for camera_id in ("/base/a", "/base/a", "/base/b"):
        record(tmp_path, 0, camera_id)
    file = tmp_path / "cam0-served"
    assert [each.id for each in parse_history(file.read_text())] == ["/base/a", "/base/b"]
    for number in range(2 * MAX_ENTRIES):
        record(tmp_path, 0, f"/base/{number}")
    assert [each.id for each in parse_history(file.read_text())] == [
        f"/base/{number}" for number in range(MAX_ENTRIES, 2 * MAX_ENTRIES)
    ]
    record(tmp_path / "none", 0, "/base/a")
    file.write_bytes(b"\xff")
    record(tmp_path, 0, "/base/c")
    assert parse_history("nothing\n\n2026-01-01T00:00:00Z /base/a b\n") == [
        ServedId("2026-01-01T00:00:00Z", "/base/a b")
    ]


def test_a_finding_is_printed_with_why_and_fix() -> None:
    """Each has a line of its own if it is not empty; control characters are removed."""
    said: list[str] = []
    report = Report(said.append)
    report.add("cameras", ok("camera 0 is there"))
    report.add("power", wrong("Undervoltage\x1b[31m\ndetected!", "too little", "a power supply"))
    report.add("kernel", note("not readable", fix="sudo"))
    report.end()
    assert said == [
        "ok     cameras: camera 0 is there",
        "WRONG  power: Undervoltage[31m detected!",
        "         why: too little",
        "         fix: a power supply",
        "note   kernel: not readable",
        "         fix: sudo",
        "1 ok, 1 note, 1 WRONG: power",
    ]
    assert report.is_wrong
