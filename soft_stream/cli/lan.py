"""The cameras in the local network: who may log in, the addresses for other machines, and the way through ssh."""

import os
import pwd
import shlex
import socket
import sys
from collections.abc import Collection, Iterator, Mapping

from soft_stream.access.accounts import read_accounts
from soft_stream.access.own_login import NAME, USERS, OwnLogin, make_login, read_users
from soft_stream.config import own_addresses
from soft_stream.config.endpoints import Endpoint, in_url
from soft_stream.config.loader import SettingsError
from soft_stream.config.settings import Settings

SSH_PORT = "22"


def opened(cameras: Mapping[int, Settings]) -> dict[str, str]:
    """Return the variables of the environment that open cameras to the network.

    They are no flags, which would be the consent to serve every client while there is no user.

    Raises:
        SettingsError: there is no folder for the login.
    """
    addresses = "0.0.0.0 ::" if own_addresses.has_ipv6() else "0.0.0.0"  # noqa: S104 # this is what --lan is for
    changes = {f"cam{number}_bind": addresses for number in cameras}
    for number, settings in cameras.items():
        if settings.open_to_network or read_users(settings.users_file):
            continue
        if settings.state_directory is None:
            raise SettingsError(["--lan: there is no folder for the login, because HOME is not set"])
        changes[f"cam{number}_users_file"] = str(settings.state_directory / USERS)
    return changes


def unreadable(cameras: Mapping[int, Settings]) -> Iterator[str]:
    """Yield a sentence about each file of users that is not used, because this user may not read it."""
    for file in dict.fromkeys(each.users_file for each in cameras.values()):
        accounts = read_accounts(file, None)
        if accounts.must_login and not accounts.users:
            yield f"{'; '.join(accounts.problems)}. So there is another login."


def logins(cameras: Collection[Settings]) -> Iterator[str]:
    """Yield a sentence about each file of users; the login of this user's own file is made if there is no user.

    Raises:
        SettingsError: the login cannot be made.
    """
    if any(settings.open_to_network and settings.auth != "always" for settings in cameras):
        yield "No login is needed, because of cam_open_to_network=1."
    for file in dict.fromkeys(each.users_file for each in cameras if not each.open_to_network):
        folder = next(each.state_directory for each in cameras if each.users_file == file)
        if folder is None or file != str(folder / USERS):
            yield f"Log in as a user of {file}: {', '.join(read_users(file))}."
            continue
        try:
            login = make_login(folder)
        except OSError as error:
            reason = error.strerror or str(error)
            raise SettingsError([f"--lan: {error.filename or folder}: the login cannot be made: {reason}"]) from None
        yield _describe(login)


def _describe(login: OwnLogin) -> str:
    if not login.names:
        raise SettingsError([f"--lan: {login.users_file} has no user that can log in; remove it for a new login"])
    if not login.password:
        return f"Log in as a user of {login.users_file}: {', '.join(login.names)}."
    # a journal keeps what it reads, and others may read it
    password = f"is in {login.login_file}" if _is_journal() else f"{login.password}   (kept in {login.login_file})"
    others = ", ".join(name for name in login.names if name != NAME)
    return f"Login: {NAME}   Password: {password}{f'   Other users: {others}' if others else ''}"


def _is_journal() -> bool:
    """Return True if stdout is read by systemd's journal (`man systemd.exec`, $JOURNAL_STREAM)."""
    try:
        status = os.fstat(sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def urls(settings: Settings) -> list[str]:
    """Return the addresses of the page of a camera: for other machines if they can reach it, else for this one."""
    found = [url for endpoint in settings.public_endpoints for url in _urls(endpoint)]
    return list(dict.fromkeys(found)) or [f"{settings.local_url}/"]


def notes(cameras: Collection[Settings]) -> Iterator[str]:
    """Yield sentences about how the addresses can be used."""
    public = [endpoint for settings in cameras for endpoint in settings.public_endpoints]
    if not public:
        yield from _through_ssh(cameras)
        return
    if not own_addresses.network_address():
        yield "This machine has no address in a network now."
        return
    name = own_addresses.local_name()
    if name and any(_is_any(each) for each in public) and not own_addresses.announces_name():
        yield f"Other machines find {name} only while avahi-daemon runs here: sudo apt install avahi-daemon"


def _through_ssh(cameras: Collection[Settings]) -> Iterator[str]:
    words = os.environ.get("SSH_CONNECTION", "").split()
    if len(words) != 4:
        return
    _, _, here, port = words
    tunnels = " ".join(f"-L {each.port}:{each.local_url.removeprefix('http://')}" for each in cameras)
    host = own_addresses.local_name() if "%" in here else here
    other_port = "" if port == SSH_PORT else f"-p {port} "
    yield "These addresses work only on this machine, to which you are connected by ssh. To see the cameras:"
    yield f"  - on your computer:  ssh {other_port}{tunnels} {shlex.quote(f'{_user()}@{host}')}"
    yield f"    and open http://127.0.0.1:{next(iter(cameras)).port}/ there"
    yield "  - or in the whole network, with a login: start it with --lan"


def _user() -> str:
    try:
        return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return os.environ.get("USER", "USER")


def _urls(endpoint: Endpoint) -> list[str]:
    if not _is_any(endpoint):
        hosts = [endpoint.address]
    elif endpoint.address == "::" and socket.has_ipv6 and ":" not in own_addresses.network_address():
        hosts = [own_addresses.local_name()]
    else:
        hosts = [own_addresses.local_name(), own_addresses.network_address()]
    return [f"{endpoint.scheme}://{in_url(host)}:{endpoint.port}/" for host in hosts if host]


def _is_any(endpoint: Endpoint) -> bool:
    return endpoint.address in ("0.0.0.0", "::")  # noqa: S104 # nothing is bound here
