"""Whether other machines may use a camera without a login: its addresses, the users and the settings together."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from soft_stream.access.accounts import Accounts
from soft_stream.config.loader import COMMAND_DEFAULT, COMMAND_LINE, DEFAULT, LoadedConfig
from soft_stream.config.settings import Settings

ADD_USER = "soft-stream user add NAME"
OPEN = "every client that reaches it sees the camera and may control it"


def refusals(settings: Settings, origins: Mapping[str, str], accounts: Accounts) -> Iterator[str]:
    """Yield a sentence for each setting that opens a camera to the network, while nothing says who may use it.

    Addresses of the command line are a decision of the operator, and so are the defaults of the command `webcamd`; but
    for cam_open_to_network=0 on the same command line or, for these defaults, anywhere.
    """
    if accounts.must_login or settings.open_to_network:
        return
    for name, endpoints in (("bind", settings.bound), ("listen", settings.listen)):
        public = [endpoint for endpoint in endpoints if endpoint.is_public]
        if public and not _is_consent(name, origins):
            where, _, key = origins[name].rpartition(" ")
            value = " ".join(endpoint.address if name == "bind" else str(endpoint) for endpoint in public)
            users = f"{settings.users_file} has no user" if settings.users_file else "no file has users"
            yield (
                f"{where}: {key}={value}: other machines can reach {' and '.join(map(str, public))}, and {users}: add "
                f"one ({ADD_USER}), or listen on 127.0.0.1 behind nginx, which asks for a login (docs/nginx.md), or "
                "let every client see and control the camera (cam_open_to_network=1)"
            )


def all_refusals(loaded: LoadedConfig, accounts_of: Callable[[Settings], Accounts]) -> list[str]:
    """Return the refusals of all cameras; `accounts_of` returns the users that a camera has at its start."""
    return [
        sentence
        for number, settings in loaded.cameras.items()
        for sentence in refusals(settings, loaded.origins[number], accounts_of(settings))
    ]


def with_consent(settings: Settings, accounts: Accounts) -> Settings:
    """Return settings that are not refused, with the consent that addresses of the command line are."""
    if accounts.must_login or settings.open_to_network or not settings.public_endpoints:
        return settings
    return replace(settings, is_open_by_flag=True)


def warnings(settings: Settings, accounts: Accounts) -> Iterator[str]:
    """Yield a sentence for everything about the login that an operator should not overlook."""
    is_always, is_open = settings.auth == "always", settings.open_to_network
    if is_always:
        if not accounts.must_login and not accounts.tokens:
            yield f"cam_auth=always refuses every client, because there is no user; to add one: {ADD_USER}"
    elif accounts.must_login and is_open:
        yield (
            "cam_open_to_network=1: clients of other machines still see and control the camera without a login, "
            "although there are users; cam_open_to_network=0 asks them for a login"
        )
    elif is_open or settings.is_open_by_flag:
        also = " and cam_open_to_network=0" if is_open else ""
        for endpoint in settings.public_endpoints:
            names = settings.names_for(endpoint)
            yield f"{endpoint} ({names}) is open to the network: {OPEN}. For a login: {ADD_USER}{also} (docs/access.md)"


def unreadable(settings: Settings, accounts: Accounts) -> str:
    """Return a sentence about users of whom none can be read; "" if one can."""
    if not accounts.problems or accounts.users or not asks_network(settings, accounts):
        return ""
    return f"no user of {settings.users_file} can be read: clients that need a login are refused until one can"


def asks_network(settings: Settings, accounts: Accounts) -> bool:
    """Return True if clients of other machines need a login, and there is one."""
    return accounts.must_login and (settings.auth == "always" or not settings.open_to_network)


def unencrypted(settings: Settings, accounts: Accounts) -> str:
    """Return a sentence about passwords that are sent without TLS; "" if none is."""
    plain = [str(endpoint) for endpoint in settings.public_endpoints if endpoint.scheme == "http"]
    if not plain or not asks_network(settings, accounts):
        return ""
    return (
        f"{' and '.join(plain)}: passwords and frames can be read on the way; cam{settings.camera}_listen=https://... "
        "encrypts them (docs/listen.md)"
    )


def _is_consent(name: str, origins: Mapping[str, str]) -> bool:
    """Return True if the command line has the addresses, unless something that counts as much demands a login."""
    decision = origins["open_to_network"]
    if origins[name].startswith(COMMAND_DEFAULT):
        return decision == DEFAULT
    return origins[name].startswith(COMMAND_LINE) and not decision.startswith(COMMAND_LINE)
