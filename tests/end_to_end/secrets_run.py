"""A run of the whole program with logins in every form, and all that others can see of it."""

import base64
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from urllib.parse import quote, quote_plus

from soft_stream.access import internal, sessions
from soft_stream.access.accounts import User
from soft_stream.access.rights import ALL_RIGHTS
from soft_stream.access.signing import SigningKey
from tests.support.logins import TOKENS, basic, bearer, write_logins
from tests.support.processes import ENVIRON, free_port

# Characters of a secret that are a leak: lines of the log and sentences may be cut.
WINDOW = 12
PASSWORDS = {"adam": "Xk7-correct-horse-9", "vera": "Qz3-battery-staple-4"}
WRONG = "Wm5-never-was-right-2"
MISPLACED = "Jt8-typed-into-the-name-6"
LATIN = "Hd6-pässwörd-mit-ümlaut"
# in the URL of another server
OF_URL, KEY_OF_URL = "Vb5-opens-another-server-7", "Nc8-so-does-this-key-3"
# The program, with a handler that fails: its traceback is in the log.
CRASHING = """
from soft_stream.web.api import photo
async def crash(request):
    raise RuntimeError("planted")
photo.photo = crash
"""
START = "import sys\nfrom soft_stream.cli.main import main\nsys.exit(main(sys.argv[1:]))\n"


@dataclass
class Run:
    """The secrets of a run, and what was seen of it, each with the name of its place."""

    secrets: dict[str, str]
    seen: dict[str, str] = field(default_factory=dict)
    answers: list[bytes] = field(default_factory=list)
    modes: dict[str, int] = field(default_factory=dict)
    """The mode of each file that the program has written."""

    def leaks(self) -> set[tuple[str, str]]:
        """Return each secret that is somewhere, also a part of it or in another encoding, with the place."""
        return {
            (name, place)
            for name, secret in self.secrets.items()
            for place, text in self.seen.items()
            if any(part in text for part in parts_of(secret))
        }


def parts_of(secret: str) -> set[str]:
    """Return parts of a secret as they may be written: all those of WINDOW characters, in each encoding."""
    raw = secret.encode()
    forms = {secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1], raw.decode("latin-1"), raw.hex()}
    for before in range(3):  # Base64 of the same bytes depends on how many are before them
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms.add(encode(b"\0" * before + raw).decode()[4 if before else 0 : -4])
    return {form[at : at + WINDOW] for form in forms for at in range(len(form) - WINDOW + 1)}


def secrets_of(key: SigningKey, raw_key: str, users: str) -> dict[str, str]:
    """Return all secrets: what clients send, and what the files have."""
    hashes = {f"hash of {line.split(':')[0]}": line.split(":")[1][7:] for line in users.splitlines()}
    tokens = {f"token {name}": token.removeprefix("css_") for name, token in TOKENS.items()}
    digests = {f"digest of {name}": hashlib.sha256(token.encode()).hexdigest() for name, token in TOKENS.items()}
    adam = User("adam", next(line.split(":")[1] for line in users.splitlines() if line.startswith("adam:")), ALL_RIGHTS)
    others = {
        "password of a URL": OF_URL,
        "key of a URL": KEY_OF_URL,
        "wrong password": WRONG,
        "password in the place of the name": MISPLACED,
        "password that is no ASCII": LATIN,
        "wrong token": "Zq9" * 14 + "Z",
        "signing key": raw_key,
        "session": sessions.begin(key, adam, time()),
        "session that has ended": sessions.begin(key, adam, time() - 40 * 86_400),
        "internal token": internal.make_token(key, time()),
    }
    return {
        **{f"password of {name}": word for name, word in PASSWORDS.items()},
        **hashes,
        **tokens,
        **digests,
        **others,
    }


def logins(secrets: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the headers of all logins, right and wrong, in each form that clients use."""
    tokens = [f"css_{secrets[name]}" for name in secrets if name.startswith("token ")] + [
        f"css_{secrets['wrong token']}"
    ]
    words = [WRONG, LATIN, *PASSWORDS.values()]
    passwords = [basic(name, word) for name in ("adam", "vera", "nobody", MISPLACED) for word in words]
    bearers = [bearer(each) for each in (*tokens, secrets["internal token"], secrets["session"], WRONG)]
    as_password = [basic("any", each) for each in tokens]
    cookies = [
        {"Cookie": f"{name}={secrets[which]}"}
        for name in ("soft_stream_session", "__Host-soft_stream_session")
        for which in ("session", "session that has ended", "wrong password", "internal token")
    ]
    odd = [
        {"Authorization": f"Basic {PASSWORDS['adam']}"},
        {"Authorization": PASSWORDS["adam"]},
        {"Authorization": f"Digest username=adam, response={PASSWORDS['adam']}"},
        {"Authorization": f"Bearer {WRONG}\xff"},
        {"Authorization": f"Basic {base64.b64encode(PASSWORDS['adam'].encode()).decode()}"},
        {"Cookie": f"soft_stream_session={secrets['session']}; soft_stream_session={WRONG}; x={secrets['session']}x"},
        {"Proxy-Authorization": basic("adam", PASSWORDS["adam"])["Authorization"]},
        {"X-Api-Key": WRONG, "X-Forwarded-For": WRONG, "X-Forwarded-Proto": PASSWORDS["adam"]},
        {"User-Agent": WRONG, "Accept-Language": WRONG, "Sec-Fetch-Site": WRONG},
    ]
    return [dict(each) for each in (*passwords, *bearers, *as_password, *cookies, *odd)]


def targets(secrets: Mapping[str, str], port: int) -> list[str]:
    """Return targets of requests that have a secret, in each form that clients use."""
    token, word = f"css_{secrets['token turn']}", PASSWORDS["adam"]
    in_queries = [
        f"/status.json?{name}={value}"
        for value in (token, quote(word), quote(token, safe="").replace("_", "%5F"))
        for name in ("token", "access_token", "apikey", "password", "auth", "pwd", "X-Auth-Token")
    ]
    unnamed = [
        f"/status.json?x={token}", f"/status.json?{token}", f"/stream.mjpg?client={token}", f"/?action=stream&{token}",
        f"/snapshot.jpg?fps={token}", f"/{token}/status.json", f"/{token}", f"/cam0/{token}?action=snapshot",
        f"/snapshot.jpg?x={token.replace('css_', 'css%5f')}", f"/%63ss_{secrets['token turn']}/nothing",
    ]  # fmt: skip
    user_info = [f"http://adam:{quote(word)}@127.0.0.1:{port}/status.json", f"//adam:{quote(word)}@pi/status.json"]
    return [*in_queries, *unnamed, *user_info]


def ask(run: Run, port: int, head: str, headers: Mapping[str, str], body: bytes = b"") -> None:
    """Send a request as it is, and keep the beginning of its answer."""
    address = (
        f"192.0.2.{len(run.answers) % 250}"  # each is another client: none is banned for the others' failed logins
    )
    more = {"Host": f"127.0.0.1:{port}", "Connection": "close", "X-Forwarded-For": address, **headers}
    if body:
        more["Content-Length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in more.items())
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(f"{head} HTTP/1.1\r\n{lines}\r\n".encode("latin-1", "replace") + body)
        answer = b""
        while len(answer) < 60_000 and (more_bytes := client.recv(60_000)):
            answer += more_bytes
    run.answers.append(re.sub(rb"(?i)\r\nset-cookie: [^\r]*", b"", answer))  # the session, for who has logged in


def converse(run: Run, port: int) -> None:
    """Send all logins to the routes that answer differently, and forms, and what cannot be parsed."""
    paths = (
        "GET /status.json?history=1",
        "GET /snap.jpg",
        "POST /focus",
        "GET /",
        "GET /nothing",
        "GET /snapshot.jpg?fps=x",
    )
    for number, headers in enumerate(logins(run.secrets)):
        ask(run, port, paths[number % len(paths)], {**headers, "Referer": f"http://pi/?password={WRONG}"})
        ask(run, port, "GET /stream.mjpg?width=1", headers)
    good = basic("adam", PASSWORDS["adam"])
    for path in (
        "/snap.jpg",
        "/status.json?history=1",
        "/",
        "/cameras",
        "/cameras.json",
        "/controls.json",
        "/program.json",
        "/?info",
        "/settings.json",
    ):
        ask(run, port, f"GET {path}", good)
    ask(run, port, "GET /stream.mjpg?fps=1", good)
    for target in targets(run.secrets, port):
        ask(run, port, f"GET {target}", {})
        ask(run, port, f"GET {target}", {**good, "Referer": f"http://pi{target}"})
    for name, word in (("adam", WRONG), ("adam", PASSWORDS["adam"]), (MISPLACED, WRONG), ("vera", LATIN)):
        form = f"name={quote(name)}&password={quote(word)}".encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        ask(run, port, "POST /login", kind, form)
        if name == MISPLACED:  # the form keeps the name for the person who has typed it
            run.answers[-1] = run.answers[-1].replace(MISPLACED.encode(), b"")
        ask(run, port, "POST /controls", {**kind, **good}, form)
        ask(run, port, "POST /login", {"Content-Type": "application/json"}, f'{{"password": "{word}"}}'.encode())
        ask(run, port, "POST /login", {**kind, "Origin": "http://evil.example"}, form)
    ask(run, port, "POST /logout", {"Cookie": f"soft_stream_session={run.secrets['session']}"})
    for broken in (f"GET /{WRONG}\0", f"G\0T {PASSWORDS['adam']}", f"\x16\x03\x01{PASSWORDS['adam']}"):
        ask(run, port, broken, good)
    ask(run, port, "GET /status.json", {f"Bad Header {PASSWORDS['adam']}": basic("adam", WRONG)["Authorization"]})


def make_run(
    folder: Path, plants: str = "", arguments: Iterable[str] = (), environ: Mapping[str, str] = ENVIRON
) -> Run:
    """Start the program with every line of the log switched on, use it, and collect what can be seen of it."""
    state, log_file, port = folder / "state", folder / "cam0.log", free_port()
    state.mkdir(mode=0o755)
    files = write_logins(folder, PASSWORDS)
    raw_key = os.urandom(32).hex()
    (state / "signing-key").write_text(raw_key)
    (state / "signing-key").chmod(0o600)
    run = Run(secrets_of(SigningKey.load(state), raw_key, files.users.read_text()))
    settings = {
        "source": "test-pattern", "bind": "127.0.0.1", "port": port, "auth": "always", "users_file": files.users,
        "url": f"http://other:{OF_URL}@192.0.2.9/stream?key={KEY_OF_URL}",
        "log_level": "debug", "log_file": log_file, "log_file_level": "debug", "loghttp": 1, "showfps": 1,
    }  # fmt: skip
    env_file = folder / "settings.env"
    env_file.write_text(
        "".join(f"cam_{name}={value}\n" for name, value in settings.items())
        .replace("cam_port", "cam0_port")
        .replace("cam_url", "cam0_url")
    )
    command = [sys.executable, "-c", CRASHING + plants + START, "serve", "--camera", "0", "--env-file", str(env_file)]
    output = folder / "output"
    with (
        output.open("wb") as out,
        subprocess.Popen(
            [*command, *arguments], stdout=out, stderr=out, env={**environ, "STATE_DIRECTORY": str(state)}
        ) as process,
    ):
        try:
            while b"Listening on" not in output.read_bytes():
                assert process.poll() is None, output.read_text()
            converse(run, port)
            for name in ("cmdline", "environ"):
                run.seen[name] = Path(f"/proc/{process.pid}/{name}").read_text(errors="replace")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    run.seen["output"] = output.read_text(errors="replace")
    run.seen["log file"] = log_file.read_text(errors="replace")
    run.seen["answers"] = "\n".join(each.decode("latin-1") for each in run.answers)
    own = [each for each in state.rglob("*") if each.is_file()] + [log_file]
    run.modes = {each.name: each.stat().st_mode & 0o777 for each in own}
    for each in own:
        run.seen.setdefault(f"file {each.name}", each.read_text(errors="replace"))
    run.seen.pop("file signing-key")
    return run
