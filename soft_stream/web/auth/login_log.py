"""The log lines of logins, one for each login, not for each request; and of changes of the users and tokens."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping

from soft_stream.access.accounts import Accounts, Token, User
from soft_stream.access.tokens import find_token
from soft_stream.config.text import one_line
from soft_stream.web.auth.identity import Identity
from soft_stream.web.request import network_of

log = logging.getLogger(__name__)

# Seconds without a request after which the next one of a program is a login again.
PAUSE = 600.0
# Clients that are remembered.
MAX_REMEMBERED = 1000
MAX_NAME = 60
NO_USER = (
    "No user is left: except with cam_auth=always, proxies on this machine and addresses that a flag has opened need "
    "no login now (docs/access.md)"
)
UNREADABLE = " cannot be read: "
# Lines about one change of the files.
MAX_CHANGES = 20


class LoginLog:
    """Remembers which logins were used lately."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def logged_in(self, identity: Identity, client: str) -> None:
        """Log a login."""
        log.info("Login: %s from %s (%s)", short(str(identity)), client, identity.rights)

    def used(self, identity: Identity, client: str) -> None:
        """Log the first use of a token by a client, and of a password after ten minutes without a request."""
        if identity.kind not in ("password", "token"):
            return
        last = self._remember((identity.kind, identity.proof, client))
        if identity.kind == "password" and (last is None or self._clock() - last > PAUSE):
            self.logged_in(identity, client)
        elif last is None:
            name, rights = short(identity.name), identity.rights
            log.info("First use of the token %s since the start, from %s (%s)", name, client, rights)

    def leaked(self, accounts: Accounts, token: str, client: str) -> None:
        """Log that a client has sent a token in a URL; once for each token, and once for all that do not exist."""
        known = find_token(accounts, token)
        key = ("leaked", known.digest, client) if known else ("leaked", "", network_of(client))
        if key not in self._used:
            self._remember(key)
            name = f"the token {short(known.name)}: revoke it" if known else "a token that does not exist"
            log.warning("Refused a request of %s, whose URL has %s", client, name)

    def _remember(self, key: tuple[str, str, str]) -> float | None:
        """Remember a use, and return when the one before was."""
        last = self._used.pop(key, None)
        self._used[key] = self._clock()
        if len(self._used) > MAX_REMEMBERED:
            self._used.popitem(last=False)
        return last


def changes_of(before: Accounts, after: Accounts) -> Iterator[tuple[int, str]]:
    """Yield a level and a sentence for each user and token that was added, removed or changed; some for many.

    While a file cannot be read, what is in it is unknown. The commands write to the system's log, editors do not.
    """
    if before.must_login and not after.must_login:
        yield logging.WARNING, NO_USER
    unreadable, still = ({each for each in some.problems if UNREADABLE in each} for some in (before, after))
    for problem in sorted(unreadable - still):
        yield logging.INFO, f"Corrected: {problem}"
    if unreadable or still:
        return
    sentences = [*_changes("user", before.users, after.users, "another password")]
    sentences += _changes("token", _by_name(before), _by_name(after), "another token or expiry")
    for sentence in sentences[:MAX_CHANGES]:
        yield logging.INFO, sentence
    if rest := sentences[MAX_CHANGES:]:
        yield logging.INFO, f"{len(rest)} more users and tokens were added, removed or changed"


def _changes(
    kind: str, before: Mapping[str, User | Token], after: Mapping[str, User | Token], otherwise: str
) -> Iterator[str]:
    for name in sorted({*before, *after}):
        old, new, who = before.get(name), after.get(name), f"The {short(f'{kind} {name}')}"
        if not new:
            yield f"{who} was removed"
        elif not old:
            yield f"{who} was added: {new.rights}"
        elif old.rights != new.rights:
            yield f"{who} was changed: from {old.rights} to {new.rights}"
        elif old != new:
            yield f"{who} was changed: {otherwise}"


def _by_name(accounts: Accounts) -> dict[str, Token]:
    return {token.name: token for token in accounts.tokens.values()}


def short(text: str) -> str:
    """Return a text for one line of the log."""
    return one_line(text[:MAX_NAME])
