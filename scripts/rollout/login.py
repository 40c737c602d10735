"""[target] Login and certificate of the external ports: created once, then left to the owner."""

import re
import secrets
import socket
from pathlib import Path

from rollout.nginx import INSTALLED
from rollout.system import read, run, say

HTPASSWD = INSTALLED.htpasswd
INITIAL_PASSWORD = Path("/etc/camera-streamer/initial-password")
CERTIFICATE, KEY = INSTALLED.certificate, INSTALLED.key


def create_login(user: str, older: Path | None) -> None:
    """Create the login of the external ports, unless there is one.

    It is a copy of the previous program's logins, or a new one with a random password that only root can read.
    """
    if HTPASSWD.exists():
        return
    HTPASSWD.parent.mkdir(parents=True, exist_ok=True)
    if older:
        _write_htpasswd(HTPASSWD, older.read_text())
        say(f"The logins of {older} are copied to {HTPASSWD}.")
        return
    password = secrets.token_urlsafe(12)
    INITIAL_PASSWORD.touch(mode=0o600)
    INITIAL_PASSWORD.write_text(f"{user} {password}\n")
    _write_htpasswd(HTPASSWD, f"{user}:{run('openssl', 'passwd', '-6', '-stdin', text=password)}\n")
    say(f"The login is {user!r}; its password: sudo cat {INITIAL_PASSWORD}")


def _write_htpasswd(path: Path, text: str) -> None:
    """Write a file that only root and nginx's workers may read."""
    new = path.with_name(".htpasswd.new")
    new.touch(mode=0o600)
    new.write_text(text)
    run("chgrp", _nginx_group(), str(new))
    new.chmod(0o640)
    new.replace(path)


def _nginx_group() -> str:
    """Return the group of nginx's workers: www-data on Debian, nginx in packages of nginx.org."""
    user = re.search(r"^\s*user\s+(\S+?)(?:\s+(\S+?))?\s*;", read(INSTALLED.etc / "nginx.conf") or "", re.MULTILINE)
    return (user[2] or user[1]) if user else "www-data"


def create_certificate() -> None:
    """Create a self-signed certificate that is valid for ten years."""
    CERTIFICATE.parent.mkdir(parents=True, exist_ok=True)
    name = socket.gethostname()
    new = CERTIFICATE.with_name("new.pem")
    run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc",
        "-days", "3650", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},DNS:{name}.local",
        "-keyout", str(KEY), "-out", str(new),
    )  # fmt: skip
    KEY.chmod(0o600)
    new.replace(CERTIFICATE)
