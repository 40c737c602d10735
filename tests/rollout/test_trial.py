"""The trial of a release: its settings, and the frames of a process that requires a login."""

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rollout import trial
from rollout.plan import Plan
from rollout.planner import CANDIDATE

from soft_stream.config.settings import Settings
from tests.support.processes import free_port, serving


def test_frames_of_a_process_that_requires_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rollout sends a token of its own, which is in no list of processes; without the key it has the reason."""
    state, port = tmp_path / "state", free_port()
    state.mkdir()
    commands: list[Sequence[str]] = []
    run = subprocess.run

    def noted(command: Sequence[str], **options: Any) -> "subprocess.CompletedProcess[str]":
        commands.append(command)
        if command[0] == "journalctl":
            return subprocess.CompletedProcess(command, 0, "its log", "")
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", noted)
    monkeypatch.setattr(trial, "SERVICE_STATE", state)
    environ = {"STATE_DIRECTORY": str(state), "cam_auth": "always", "cam_users_file": str(tmp_path / "htpasswd")}
    settings = replace(Settings(), port=port)
    with serving(port=port, environ=environ):
        assert trial.measure_frames(settings).startswith("observed FPS")
        assert commands[-1][-2:] == ["--login-file", "-"]
        monkeypatch.setattr(trial, "SERVICE_STATE", tmp_path)
        with pytest.raises(trial.NotServing, match=r"no frames from .*401 Unauthorized: a login is needed"):
            trial.measure_frames(settings)


def test_a_second_trial_leaves_the_active_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a trial its settings are a link to the active ones, which the next trial replaces, and does not follow."""
    active, candidate, plan = tmp_path / "active.env", tmp_path / "release" / CANDIDATE, Plan("release", {})
    active.write_text("cam0_name=Nozzle\n")
    candidate.parent.mkdir()
    monkeypatch.setattr(trial, "SETTINGS", active)
    monkeypatch.setattr(trial, "release_folder", lambda _: candidate.parent)
    monkeypatch.setattr(trial, "TRIAL_UNITS", tmp_path / "units")
    for name in ("Bed", "Gate"):
        monkeypatch.setattr(trial, "_with_old_sockets", lambda _, text=f"cam0_name={name}\n": text)
        trial._write_units(plan)
        assert (active.read_text(), candidate.read_text()) == ("cam0_name=Nozzle\n", f"cam0_name={name}\n")
        trial._link_to_active(candidate)
        assert candidate.readlink() == active
