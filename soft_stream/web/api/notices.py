"""What an operator should know about this installation: changed settings, and an upgrade that has failed."""

from dataclasses import dataclass, field

from aiohttp import hdrs, web

from soft_stream.access.rights import Role
from soft_stream.message import join
from soft_stream.web.auth.identity import IDENTITY, Identity
from soft_stream.web.middleware.origin import is_listed
from soft_stream.web.request import SUPERVISOR


@dataclass(frozen=True)
class SettingsState:
    """Whether the settings file has changed since the start of the process."""

    file: str = ""
    changed: tuple[str, ...] = ()
    """The keys with other values."""
    notice: str = ""
    """One sentence; empty if nothing has changed."""
    fix: str = ""
    """What to do about it."""


@dataclass(frozen=True)
class Notices:
    """The notices that apply now."""

    settings: SettingsState = field(default_factory=SettingsState)
    upgrade: str = ""

    @property
    def sentences(self) -> list[str]:
        """What the page shows."""
        settings = join([sentence for sentence in (self.settings.notice, self.settings.fix) if sentence])
        return [sentence for sentence in (settings, self.upgrade) if sentence]


class NoticeBoard:
    """Holds the newest notices."""

    def __init__(self) -> None:
        self.now = Notices()


NOTICES = web.AppKey("notices", NoticeBoard)


def notices_for(request: web.Request) -> Notices | None:
    """Return the notices; None for clients that may only view, because they have paths and commands.

    Our own commands get them, although their token has only the role view. Pages that may read only because of
    `cam_cors_origins=*` do not: browsers send the origin with such a GET, and not with those of our own pages.
    """
    if hdrs.ORIGIN in request.headers and not is_listed(request):
        return None
    identity: Identity = request[IDENTITY]
    role = identity.rights.on(request.app[SUPERVISOR].settings.camera)
    return request.app[NOTICES].now if role >= Role.CONTROL or identity.kind == "internal" else None
