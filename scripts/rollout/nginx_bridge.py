"""[target] The nginx of an older release during the trial of a release that verifies logins itself.

Older releases let nginx verify the logins, and pass none on. While the trial replaces the processes behind this nginx,
both verify them: nginx stays as it is, but for one line. So no port is open, and clients keep their access.

During a rollback to such a release no client has access until its nginx is back: the processes of the older release do
not listen on the sockets to which the present nginx connects.
"""

from pathlib import Path

from rollout.plan import INCLUDES, Plan
from rollout.system import read_exactly, succeeds, write

FILE = INCLUDES / "proxy-headers.conf"
STRIPS_LOGIN = 'proxy_set_header Authorization "";'
KEPT = Path("/run/camera-soft-stream-rollout") / FILE.name


def begin(plan: Plan) -> None:
    """Let nginx pass the logins on, if the plan replaces an nginx that does not."""
    text = read_exactly(FILE) if FILE.exists() else ""
    if STRIPS_LOGIN in text and STRIPS_LOGIN not in (plan.text_of(FILE) or ""):
        write({KEPT: text})
        write({FILE: text.replace(STRIPS_LOGIN, "")})
        _reload()


def original() -> dict[Path, str]:
    """Return the file as it was before `begin`, for the plan that undoes the rollout; empty if it was not changed."""
    return {FILE: read_exactly(KEPT)} if KEPT.exists() else {}


def cancel() -> None:
    """Restore the file."""
    if before := original():
        write(before)
        _reload()
        finish()


def finish() -> None:
    """Forget the file: the rollout has replaced it."""
    write({KEPT: None})


def _reload() -> None:
    succeeds("systemctl", "reload", "nginx.service")  # without nginx there are no clients to keep
