"""Addresses that other machines can reach: when they are refused, what is consent, and what an operator sees."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from soft_stream.access import exposure
from soft_stream.access.accounts import Accounts, User
from soft_stream.access.rights import ALL_RIGHTS
from soft_stream.config.loader import load
from soft_stream.config.settings import Settings

EVERY, LAN = "0.0.0.0", "192.168.1.7"  # noqa: S104 # nothing is bound here
NO_USERS = Accounts()
USERS = Accounts({"anna": User("anna", "", ALL_RIGHTS)}, must_login=True)
UNREADABLE = Accounts(problems=("/u cannot be read: Permission denied",), must_login=True)
THREE_WAYS = ("soft-stream user add NAME", "nginx", "cam_open_to_network=1")


def refusals(
    tmp_path: Path,
    text: str = "",
    accounts: Accounts = NO_USERS,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
) -> list[str]:
    """Return the refusals of camera 0, with settings from a file, the environment and the command line."""
    file = tmp_path / "settings.env"
    file.write_text(text)
    loaded = load(environ or {}, file=file, camera=0, flags=flags, defaults=defaults)
    return [*exposure.refusals(loaded.cameras[0], loaded.origins[0], accounts)]


@pytest.mark.parametrize(
    ("text", "place", "endpoint"),
    [
        (f"cam0_bind={EVERY}\n", f":1: cam0_bind={EVERY}: ", f"http://{EVERY}:18081"),
        (f"#\ncam_bind=127.0.0.1 {LAN}\n", f":2: cam_bind={LAN}: ", f"http://{LAN}:18081"),
        ("cam0_bind=::\ncam0_port=9\n", ":1: cam0_bind=::: ", "http://[::]:9"),
        (f"cam0_listen=http://{EVERY}:9\n", f":1: cam0_listen=http://{EVERY}:9: ", f"http://{EVERY}:9"),
        (
            f"cam0_listen=https://{EVERY}:9\ncam_tls_certificate=/c\ncam_tls_key=/k\n",
            f":1: cam0_listen=https://{EVERY}:9: ",
            f"https://{EVERY}:9",
        ),
        (f"cam0_bind={EVERY}\ncam_auth=always\n", f":1: cam0_bind={EVERY}: ", f"http://{EVERY}:18081"),
        (f"cam0_bind={EVERY}\ncam_local_proxy_role=admin\n", f":1: cam0_bind={EVERY}: ", f"http://{EVERY}:18081"),
    ],
)
def test_addresses_of_the_settings_file_are_refused(tmp_path: Path, text: str, place: str, endpoint: str) -> None:
    """The sentence names the place, the setting, the endpoint and the three ways out."""
    (sentence,) = refusals(tmp_path, text)
    assert place in sentence
    assert f"reach {endpoint}, and /etc/camera-streamer/htpasswd has no user: " in sentence
    assert all(way in sentence for way in THREE_WAYS)


def test_addresses_of_the_environment_are_refused(tmp_path: Path) -> None:
    """They are no flags: a unit may have them."""
    (sentence,) = refusals(tmp_path, environ={"cam0_bind": EVERY})
    assert sentence.startswith(f"environment: cam0_bind={EVERY}: ")


@pytest.mark.parametrize(
    ("text", "accounts"),
    [
        ("", NO_USERS),
        ("cam0_listen=unix:/run/a http://127.0.0.2:9\n", NO_USERS),
        (f"cam0_bind={EVERY}\n", USERS),
        (f"cam0_bind={EVERY}\n", UNREADABLE),
        (f"cam0_bind={EVERY}\ncam_open_to_network=1\n", NO_USERS),
        (f"cam0_bind={EVERY}\ncam0_open_to_network=1\n", NO_USERS),
    ],
)
def test_what_is_not_refused(tmp_path: Path, text: str, accounts: Accounts) -> None:
    """This machine, users, a file that may have users, and the owner's consent."""
    assert refusals(tmp_path, text, accounts) == []


@pytest.mark.parametrize(
    ("text", "flags", "refused"),
    [
        ("", {"bind": EVERY}, []),
        ("", {"listen": f"http://{EVERY}:9"}, []),
        (f"cam0_bind={LAN}\n", {"bind": EVERY}, []),
        (f"cam0_bind={LAN}\n", {"port": "9"}, ["cam0_bind"]),
        (f"cam0_bind={LAN}\n", {"listen": f"http://{EVERY}:9"}, ["cam0_bind"]),
        (f"cam0_listen=http://{LAN}:9\n", {"bind": EVERY}, ["cam0_listen"]),
        ("", {"bind": EVERY, "open_to_network": "0"}, ["--bind"]),
        ("cam_open_to_network=0\n", {"bind": EVERY}, []),
    ],
)
def test_flags_are_consent(tmp_path: Path, text: str, flags: Mapping[str, str], refused: list[str]) -> None:
    """A flag consents to the addresses that it names, and to no others; another flag can say the opposite."""
    found = refusals(tmp_path, text, flags=flags)
    assert [sentence.partition("=")[0].rpartition(" ")[2] for sentence in found] == refused


def test_defaults_of_a_command_are_consent(tmp_path: Path) -> None:
    """So are those of `webcamd`; a settings file that is given to it is not."""
    assert refusals(tmp_path, defaults={"bind": EVERY}) == []
    assert len(refusals(tmp_path, f"cam0_bind={LAN}\n", defaults={"bind": EVERY})) == 1


@pytest.mark.parametrize(
    "given",
    [
        {"text": "cam_open_to_network=0\n"},
        {"text": "cam0_open_to_network=0\n"},
        {"environ": {"cam0_open_to_network": "0"}},
        {"flags": {"open_to_network": "0"}},
    ],
)
def test_defaults_of_a_command_open_nothing_that_is_closed(tmp_path: Path, given: Mapping[str, Any]) -> None:
    """A default counts less than every decision of the owner."""
    (sentence,) = refusals(tmp_path, **given, defaults={"bind": EVERY})
    assert sentence.startswith("default of the command: --bind")


def test_consent_ends_with_the_first_user() -> None:
    """It counts only at a start without users, and opens nothing that has no address of the network."""
    open_by_flag = Settings(bind=(EVERY,))
    assert exposure.with_consent(open_by_flag, NO_USERS).is_open_by_flag
    for settings, accounts in ((open_by_flag, USERS), (open_by_flag, UNREADABLE), (Settings(), NO_USERS)):
        assert exposure.with_consent(settings, accounts) == settings


def test_open_endpoints_have_a_warning_each() -> None:
    """It names the endpoint, its settings and the way to a login."""
    settings = Settings(bind=(EVERY, "127.0.0.1"), is_open_by_flag=True)
    (found,) = exposure.warnings(settings, NO_USERS)
    assert found == (
        f"http://{EVERY}:18081 (cam0_bind, cam0_port) is open to the network: every client that reaches it sees the "
        "camera and may control it. For a login: soft-stream user add NAME (docs/access.md)"
    )
    (found,) = exposure.warnings(replace(settings, is_open_by_flag=False, open_to_network=True), NO_USERS)
    assert "soft-stream user add NAME and cam_open_to_network=0" in found
    assert [*exposure.warnings(Settings(bind=(EVERY,)), USERS)] == []


def test_contradictions_have_a_warning() -> None:
    """Users who are not needed, users who are needed and missing, and users who cannot be read."""
    (found,) = exposure.warnings(Settings(open_to_network=True), USERS)
    assert "still see and control the camera without a login, although there are users" in found
    (found,) = exposure.warnings(Settings(auth="always", open_to_network=True), NO_USERS)
    assert found.startswith("cam_auth=always refuses every client")
    assert exposure.unreadable(Settings(users_file="/u"), UNREADABLE).startswith("no user of /u can be read: ")
    assert exposure.unreadable(Settings(users_file="/u"), USERS) == ""
    assert [*exposure.warnings(Settings(auth="always"), USERS)] == []


@pytest.mark.parametrize(
    ("changes", "accounts", "endpoints"),
    [
        ({}, USERS, f"http://{EVERY}:18081"),
        ({"auth": "always", "open_to_network": True}, USERS, f"http://{EVERY}:18081"),
        ({"open_to_network": True}, USERS, ""),
        ({}, NO_USERS, ""),
        ({"bind": ("127.0.0.1",)}, USERS, ""),
    ],
)
def test_passwords_without_tls(changes: Mapping[str, object], accounts: Accounts, endpoints: str) -> None:
    """One sentence names the endpoints where passwords can be read on the way."""
    sentence = exposure.unencrypted(replace(Settings(bind=(EVERY,)), **changes), accounts)  # type: ignore[arg-type]
    assert sentence.partition(": passwords")[0] == endpoints
