"""No password, token, hash, session or key is where others can see it; and the search finds what was planted."""

from pathlib import Path

import pytest

from tests.end_to_end.secrets_run import PASSWORDS, Run, make_run
from tests.support.processes import ENVIRON

# What a careless change may do, each in one line of the program, and where it is found.
PLANTS = {
    "a header in the log": (
        """
import logging
from soft_stream.web.auth import guard
identify = guard.Guard.identify
async def logged(self, request):
    logging.getLogger("x").debug("headers: %r", dict(request.headers))
    return await identify(self, request)
guard.Guard.identify = logged
""",
        {
            ("password of adam", "output"),
            ("password of adam", "log file"),
            ("token turn", "output"),
            ("session", "output"),
        },
    ),
    "a header in an error": (
        """
from aiohttp import web
from soft_stream.web.api import camera
async def focus(request):
    raise web.HTTPConflict(text=request.headers.get("Authorization", ""))
camera.focus = focus
""",
        {("password of adam", "answers")},
    ),
    "the users in a traceback": (
        """
from soft_stream.web.auth.guard import GUARD
async def crash(request):
    raise RuntimeError(request.app[GUARD].accounts)
photo.photo = crash
""",
        {("hash of adam", "output"), ("hash of vera", "log file"), ("digest of see", "output")},
    ),
    "the key in another file": (
        """
import os, pathlib
folder = pathlib.Path(os.environ["STATE_DIRECTORY"])
(folder / "signing-key.bak").write_text((folder / "signing-key").read_text())
""",
        {("signing key", "file signing-key.bak")},
    ),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return what was seen of a run of the program as it is."""
    return make_run(tmp_path_factory.mktemp("secrets"))


def test_there_is_no_secret(run: Run) -> None:
    """Neither in logs of level debug, answers, arguments, environment, nor in files beside the key."""
    assert run.leaks() == set()


def test_the_run_was_no_empty_one(run: Run) -> None:
    """The logs and answers have what the search is about: logins that are right and wrong, tracebacks, a stream."""
    log, answers = run.seen["output"], run.seen["answers"]
    assert log == run.seen["log file"] or len(run.seen["log file"]) > len(log) / 2
    for wanted in (
        " (user adam) /stream.mjpg",
        "HTTP: 192.0.2.",
        "RuntimeError: planted",
        "Login failed",
    ):
        assert wanted in log, wanted
    for wanted in (
        "HTTP/1.1 200",
        "HTTP/1.1 400",
        "HTTP/1.1 401",
        "HTTP/1.1 403",
        "HTTP/1.1 303",
        "HTTP/1.1 500",
        "\xff\xd8",
    ):
        assert wanted in answers, wanted


def test_files_are_private(run: Run) -> None:
    """What the process writes into its state directory is readable for its user only; the log for its group."""
    assert {name: mode for name, mode in run.modes.items() if mode & 0o077} in ({}, {"cam0.log": 0o640})


@pytest.mark.slow
@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_leak_is_found(plant: str, tmp_path: Path) -> None:
    """The search finds a secret in each place that it looks at."""
    code, expected = PLANTS[plant]
    assert expected <= make_run(tmp_path, code).leaks()


@pytest.mark.slow
def test_a_password_in_the_process_list_is_found(tmp_path: Path) -> None:
    """The search looks at the arguments and the environment of the process."""
    environ = ENVIRON | {"X_PASSWORD": PASSWORDS["vera"]}
    leaks = make_run(tmp_path, arguments=["--name", PASSWORDS["adam"]], environ=environ).leaks()
    assert {("password of adam", "cmdline"), ("password of vera", "environ")} <= leaks
