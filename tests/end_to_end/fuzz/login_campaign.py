"""A run with a server that wants a login: without one no client gets a frame or a state, and view changes nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from soft_stream.web.auth.failed_logins import FailedLogins, LoginLimits
from tests.end_to_end.fuzz import logins
from tests.end_to_end.fuzz.answers import Answer, broken_promises
from tests.end_to_end.fuzz.client import PATIENCE, Promises
from tests.end_to_end.fuzz.conversations import Conversation
from tests.end_to_end.fuzz.http_campaign import HttpCampaign, campaign
from tests.end_to_end.fuzz.logins import Logins

NO_BANS = LoginLimits(free=10**9, most=10**9, clients=10**5)


@asynccontextmanager
async def login_campaign(
    folder: Path, known: Logins, patch: pytest.MonkeyPatch, patience: float = PATIENCE
) -> AsyncIterator[HttpCampaign]:
    """Start a server with the users of a folder, and what watches it; failed logins are not slowed."""
    patch.setattr(FailedLogins.__init__, "__defaults__", (NO_BANS,))
    changes = {
        "auth": "always",
        "users_file": str(folder / "htpasswd"),
        "state_directory": folder,
        "name": logins.CANARY,
    }

    def promises(conversation: Conversation) -> Promises:
        if known.may_see(conversation):
            return broken_promises
        return _broken_without_login

    async with campaign(folder, patience, forbidden=(*logins.CHANGES, "Ended "), **changes) as http:
        http.promises = promises
        yield http


def _broken_without_login(answer: Answer) -> list[str]:
    return broken_promises(answer) + logins.gives_something(answer)


def changes(http: HttpCampaign) -> list[str]:
    """Return what clients have changed, although none had the role control."""
    supervisor = http.portal.supervisor
    facts = {
        "controls": supervisor.controls.values,
        "pauses": supervisor.status.counters.pauses or supervisor.pause.keys,
        "kept controls": supervisor.settings.controls_file and supervisor.settings.controls_file.exists(),
        "the end of its task": supervisor.health.problem if http.portal.life.done() else "",
    }
    return [f"{what}: {found}" for what, found in facts.items() if found]
