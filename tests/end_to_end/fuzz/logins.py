"""Users, tokens and sessions of a fuzzed server, how they are sent, and what no client may get without them."""

import base64
import time
from pathlib import Path
from random import Random

from soft_stream.access import internal, sessions
from soft_stream.access.accounts import read_accounts
from soft_stream.access.signing import SigningKey
from tests.end_to_end.fuzz import pairs
from tests.end_to_end.fuzz.answers import Answer
from tests.end_to_end.fuzz.conversations import METHODS, Conversation, damaged, make
from tests.end_to_end.fuzz.dictionary import Words
from tests.support.logins import TOKENS, login_of, write_logins

KEY = bytes(range(32))
COOKIES = ("soft_stream_session", "__Host-soft_stream_session")
# The name of the camera; the login page does not have it.
CANARY = "Canary-6f3b"
# Lines of the log about what only the role control may do.
CHANGES = (
    "Controls set by",
    "Controls kept by",
    "Settings changed by",
    "Settings undone by",
    "Autofocus cycle requested",
    "Kept ready by",
    "Pause of",
    "Resumed by",
)
SECRET_TYPES = ("image/jpeg", "application/json", "multipart/", "application/octet-stream")
SEEING = ("vera", "see")
Header = tuple[str, str]


def write(folder: Path) -> Path:
    """Write the files of users, tokens and the key into a folder, and return the users' file."""
    (folder / "signing-key").write_text(KEY.hex())
    (folder / "signing-key").chmod(0o600)
    return write_logins(folder).users


class Logins:
    """What clients send: logins that may see, and others that must get nothing of camera 0; none may control it.

    Sessions are from the begin of the day, so that the inputs of a seed are the same for that long.
    """

    def __init__(self, users: Path) -> None:
        key, accounts = SigningKey(KEY), read_accounts(str(users), None)
        today = time.time() // 86_400 * 86_400

        def session(name: str, key: SigningKey = key, at: float = today) -> list[Header]:
            password = key.digest(sessions.PASSWORD, accounts.users[name].hash)
            text = key.sign(sessions.PURPOSE, {"user": name, "id": f"{name:x<32}", "at": int(at), "password": password})
            return [("Cookie", f"{cookie}={text}") for cookie in COOKIES]

        foreign = SigningKey(bytes(32))
        self.valid = [*(("Authorization", login_of(name)["Authorization"]) for name in SEEING), *session("vera")]
        self.valid.append(("Authorization", "Basic " + _base64(f"any:{TOKENS['see']}")))
        self.others = [
            *(("Authorization", login_of(name)["Authorization"]) for name in ("nina", "nora", "next", "old")),
            *(("Authorization", f"Basic {_base64(text)}") for text in ("adam:x", "adam:", ":", "\xe4:\xff", "vera:se")),
            *(("Authorization", text) for text in ("Basic", "Bearer css_x", "Digest a", "", "Basic =", "Bearer \xff")),
            *session("nina"), *session("nora"), *session("adam", foreign), *session("adam", key, today - 40 * 86_400),
            ("Authorization", "Bearer " + internal.make_token(foreign, today)),
            ("Cookie", f"{COOKIES[0]}=; {COOKIES[0]}=x.y; {COOKIES[1]}={'A' * 2000}"),
            ("Proxy-Authorization", login_of("adam")["Authorization"]), ("X-Remote-User", "adam"),
            ("X-Forwarded-User", "adam"), ("X-Soft-Stream-Auth", "network"), ("X-Soft-Stream-Role", "admin"),
        ]  # fmt: skip

    def may_see(self, conversation: Conversation) -> bool:
        """Return whether a conversation has a login that may see, also after damage that leaves it valid."""
        secrets = [
            value.partition("=")[2] if name == "Cookie" else value.rpartition(" ")[2] for name, value in self.valid
        ]
        secrets[-1] = secrets[-1][8:]  # the user name before a token is ignored
        return any(secret.rstrip("=").encode() in conversation.sent for secret in secrets)

    def conversations(self, rng: Random, words: Words, count: int) -> list[Conversation]:
        """Return conversations: each route with each login and some methods, and random ones with logins put in."""
        every = [*self.valid, *self.others]
        systematic = [  # apart: with a login that may see on its connection, an answer may have frames
            *pairs.in_groups(rng, [*self._requests(rng, words, self.others), *_in_urls(rng, words)]),
            *pairs.in_groups(rng, self._requests(rng, words, self.valid)),
        ]
        found = systematic + [self._random(rng, words, every) for _ in range(count - len(systematic))]
        # A logout ends the sessions of all others. Users of other cameras may request a list of their cameras; only
        # its body shows that no others are in it.
        return [
            each
            for each in found
            if b"logout" not in each.sent and not (b"HEAD " in each.sent and b"/cameras.json" in each.sent)
        ]

    def _requests(self, rng: Random, words: Words, logins: list[Header]) -> list[pairs.Request]:
        """Return a request of each route with each login, some of them with another one of the same kind."""
        bodies = (b"", b"", b'{"Brightness": 0.5}', b"Brightness=0.5")
        return [
            pairs.request(
                rng,
                words,
                route,
                rng.choice(("", "", *METHODS)),
                headers=_doubled(rng, login, logins),
                body=rng.choice(bodies),
            )
            for route in pairs.routes(words)
            for login in logins
        ]

    def _random(self, rng: Random, words: Words, every: list[Header]) -> Conversation:
        """Return a random conversation, with logins behind some of its request lines, perhaps damaged."""
        each = make(rng, words)
        if each.end == "silent":
            each = Conversation(each.pieces, "close", each.requests)
        name, value = rng.choice(every)
        line = f"\r\n{name}: ".encode() + value.encode("latin-1")
        if rng.random() < 0.2:
            return Conversation((each.sent.replace(b"\r\n", damaged(rng, line) + b"\r\n", 1),), each.end)
        if b" HTTP/1.1\r\n" not in each.sent:
            return each
        at = rng.choice((1, 1, 9))
        return Conversation((each.sent.replace(b" HTTP/1.1\r\n", b" HTTP/1.1" + line + b"\r\n", at),), each.end)


def gives_something(answer: Answer) -> list[str]:
    """Return what is wrong with an answer to a client without a login: frames, states, the name of the camera."""
    kind = answer.headers.get("content-type", "")
    problems = []
    if b"\xff\xd8\xff" in answer.body:
        problems.append("a frame without a login")
    if CANARY.encode() in answer.body or CANARY in str(answer.headers):
        problems.append("the name of the camera without a login")
    is_list = answer.body.startswith(b"[")  # of the cameras that the client may see
    is_file = answer.headers.get("cache-control") == "no-cache"
    if answer.status < 300 and kind.startswith(SECRET_TYPES) and not (is_list or is_file):
        problems.append(f"{kind} without a login")
    return problems


def _in_urls(rng: Random, words: Words) -> list[pairs.Request]:
    """Return a request of each route with each token in its query."""
    every = ((route, token) for route in pairs.routes(words) for token in TOKENS.values())
    return [
        pairs.request(rng, words, route, fields=[rng.choice(("x", "token", "client")) + "=" + token])
        for route, token in every
    ]


def _doubled(rng: Random, login: Header, every: list[Header]) -> list[Header]:
    """Return the headers with a login, and sometimes with another one before or behind it."""
    headers = [login, rng.choice(every)] if rng.random() < 0.15 else [login]
    if rng.random() < 0.2:
        headers.append(("X-Forwarded-For", rng.choice(("127.0.0.1", "192.0.2.7", "::1", ""))))
    rng.shuffle(headers)
    return headers


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("latin-1")).decode()
