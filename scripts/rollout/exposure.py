"""[target] Cameras that other machines can reach without nginx: they need users, or the owner's consent."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from rollout import login
from rollout.installed import folder_before
from rollout.system import RolloutError
from soft_stream.access import exposure
from soft_stream.access.accounts import Accounts, read_accounts
from soft_stream.config.loader import LoadedConfig
from soft_stream.config.settings import Settings
from soft_stream.config.settings_file import mentioned
from soft_stream.service.exit_status import ExitStatus

NO_COMMAND = (
    "The release on this machine has no `soft-stream user`. To add a user, deploy with cam_bind=127.0.0.1 ::1 first; "
    "cam_open_to_network=1 belongs into the settings of the repository or of --env-file."
)


def check(loaded: LoadedConfig, *, with_nginx: bool) -> None:
    """Refuse settings with which the cameras would not start.

    Raises:
        RolloutError: other machines can reach a camera, and nothing says who may use it.
    """
    refused = exposure.all_refusals(loaded, lambda each: accounts_after(each, with_nginx=with_nginx))
    if refused:
        lines = ["The settings are wrong:", *(f"  {sentence}" for sentence in refused)]
        before = folder_before()
        has_command = before is not None and (before / login.ACCESS).exists()
        raise RolloutError("\n".join([*lines, *([] if has_command else [NO_COMMAND])]), ExitStatus.CONFIG_ERROR)


def notes(cameras: Mapping[int, Settings], before: str | None, *, with_nginx: bool) -> Iterator[str]:
    """Yield what the owner should know about the login; `before` are the active settings.

    Releases without a login of their own were open at each address of the network. There such a camera closes, as
    there are users now, and clients without a login are refused.
    """
    closes = folder_before() is not None and before is not None and "open_to_network" not in mentioned(before)
    for settings in cameras.values():
        accounts = accounts_after(settings, with_nginx=with_nginx)
        if (sentence := exposure.unreadable(settings, accounts)) and not _is_hidden(settings.users_file):
            yield sentence
        yield from exposure.warnings(settings, accounts)
        if closes and settings.public_endpoints and exposure.asks_network(settings, accounts):
            places = " and ".join(map(str, settings.public_endpoints))
            yield (
                f"Camera {settings.camera} asks clients of other machines for a login at {places} from now on; it was "
                f"open there before. The users are in {settings.users_file}; cam_open_to_network=1 leaves it open."
            )


def _is_hidden(file: str) -> bool:
    """Return True if this user may not read a file: a dry run is not root."""
    return Path(file).exists() and not os.access(file, os.R_OK)


def accounts_after(settings: Settings, *, with_nginx: bool) -> Accounts:
    """Return the users and tokens after the rollout, which makes a first user for nginx."""
    accounts = read_accounts(settings.users_file, None)
    makes_user = with_nginx and Path(settings.users_file) == login.HTPASSWD and not login.HTPASSWD.exists()
    return replace(accounts, must_login=accounts.must_login or makes_user)
