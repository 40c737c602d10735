"""[target] Users and certificate of the external ports: created once, then left to the owner."""

import re
import secrets
import shutil
import socket
from collections.abc import Iterable
from grp import getgrnam
from pathlib import Path
from pwd import getpwnam

from rollout.installed import folder_before
from rollout.nginx import INSTALLED
from rollout.system import read, read_exactly, run, say
from soft_stream.access.files import locked
from soft_stream.access.passwords import make_hash

HTPASSWD = INSTALLED.htpasswd
# what the commands for users and tokens make beside it
COMPANIONS = tuple(HTPASSWD.with_name(name) for name in ("tokens", ".htpasswd.lock", ".tokens.lock"))
INITIAL_PASSWORD = Path("/etc/camera-streamer/initial-password")
CERTIFICATE, KEY = INSTALLED.certificate, INSTALLED.key
SERVICE = "camera-soft-stream"
# a folder of the releases that verify the logins themselves
ACCESS = "lib/soft_stream/access"
# what nginx of these releases sends, and the file of a release that has it; nginx of earlier ones verified the logins
ASKS_SERVER, NGINX_HEADERS = "X-Soft-Stream-Auth", "nginx/includes/proxy-headers.conf.j2"


def create_login(user: str, older: Iterable[Path]) -> bool:
    """Create the first user, unless there is one; return True if its password was made.

    The logins of the older sites are copied or added; they may do everything. Without any, there is a new one with a
    random password that only root can read.
    """
    HTPASSWD.parent.mkdir(parents=True, exist_ok=True)
    with locked(HTPASSWD):
        before = read_exactly(HTPASSWD) if HTPASSWD.exists() else ""
        merged = _with_logins(before, older)
        if merged != before:
            _write_htpasswd(merged)
        if HTPASSWD.exists():
            return False
        password = secrets.token_urlsafe(12)
        INITIAL_PASSWORD.touch(mode=0o600)
        INITIAL_PASSWORD.write_text(f"{user} {password}\n")
        _write_htpasswd(f"{user}:{make_hash(password)}\n")
    return True


def let_service_read() -> None:
    """Give the file of the users to the service, which verifies the logins; before, only nginx read it.

    For releases whose nginx verified the logins, the third field of a line was a comment; it is what the user may do
    now. An existing login may do everything, so comments get lines of their own. Later such a field is a mistake, which
    must not make an admin.
    """
    if not HTPASSWD.exists() or _is_protected(HTPASSWD):
        return
    before = folder_before()
    is_first = not before or ASKS_SERVER not in (read(before / NGINX_HEADERS) or "")
    with locked(HTPASSWD):
        lines = read_exactly(HTPASSWD).split("\n")
        _write_htpasswd("\n".join(map(_without_comment, lines) if is_first else lines))
    rights = "; each of them may do everything" if is_first else ""
    say(f"{HTPASSWD} belongs to the service now, which verifies the logins{rights}.")


def _is_protected(path: Path) -> bool:
    """Return True if a file belongs to the service, and other users cannot read it."""
    found = path.stat()
    owners = getpwnam(SERVICE).pw_uid, getgrnam(_nginx_group()).gr_gid
    return (found.st_uid, found.st_gid) == owners and not found.st_mode & 0o007


def _without_comment(line: str) -> str:
    """Return a line without a comment as its third field; it gets a line above. Rights stay, also mistyped ones."""
    text = line.rstrip("\r")
    name, _, rest = text.partition(":")
    coded, colon, comment = rest.partition(":")
    if not colon or line.startswith("#") or "=" in comment:
        return line
    end = line[len(text) :]
    above = f"# {name}: {comment}{end}\n" if comment.strip() else ""
    return f"{above}{name}:{coded}{end}"


def _with_logins(text: str, files: Iterable[Path]) -> str:
    """Return a file of logins with those of other files, and print what was added; the first login of a name counts."""
    logins = _logins(text)
    for path in files:
        if path == HTPASSWD:
            continue
        if not path.is_file():
            say(f"{path} does not exist: it has no logins to keep.")
            continue
        added = "\n".join(map(_without_comment, read_exactly(path).split("\n")))
        found = _logins(added)
        new = {name: line for name, line in found.items() if name not in logins}
        if text:
            added = "".join(f"{line}\n" for line in new.values())
        text = text + ("\n" if added and text and not text.endswith("\n") else "") + added
        for name in [name for name in found if logins.get(name, found[name]) != found[name]]:
            say(f"The login {name!r} has another password in {path}, which does not count.")
        logins |= new
        say(f"The logins of {path} are {'copied to' if new else 'already in'} {HTPASSWD}.")
    return text


def _logins(text: str) -> dict[str, str]:
    """Return the first line of each user name; nginx ignores the others, too (ngx_http_auth_basic_module.c)."""
    lines = [line.rstrip("\r") for line in text.split("\n") if ":" in line and not line.startswith("#")]
    return {line.partition(":")[0]: line for line in reversed(lines)}


def _write_htpasswd(text: str) -> None:
    """Write the file of the users: the service owns it, and nginx's workers may read it for sites of the owner."""
    place = HTPASSWD.resolve()  # an owner's link to a file elsewhere stays
    new = place.with_name(f".{place.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_bytes(text.encode("utf-8", "surrogateescape"))
    shutil.chown(new, SERVICE, _nginx_group())
    new.chmod(0o640)
    new.replace(place)


def _nginx_group() -> str:
    """Return the group of nginx's workers: www-data on Debian, nginx in packages of nginx.org."""
    user = re.search(r"^\s*user\s+(\S+?)(?:\s+(\S+?))?\s*;", _main_file(), re.MULTILINE)
    return (user[2] or user[1]) if user else "www-data"


def _main_file() -> str:
    main = INSTALLED.etc / "nginx.conf"
    return read_exactly(main) if main.exists() else ""


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
