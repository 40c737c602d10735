"""What the address of the page of all cameras may choose: `?mode=live&columns=3&cameras=0,2&kiosk=1`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from soft_stream.web.api.addresses import Address
from soft_stream.web.request import parse_choice

MAX_COLUMNS = 8
_NUMBERS = re.compile(r"[0-9]{1,3}(?:,[0-9]{1,3})*")


@dataclass(frozen=True)
class Wall:
    """The choices; an empty one is left to the browser, which remembers what was chosen on the page."""

    mode: str
    columns: str
    is_kiosk: bool
    """Whether the page shows nothing but the cameras, for a display without a pointer."""
    cameras: Sequence[Address]
    missing: Sequence[int]
    """The numbers in the address that are none of a camera that the client may see."""


def parse_wall(query: Mapping[str, str], addresses: Sequence[Address]) -> Wall:
    """Return what the address of the page chooses from the cameras that the client may see.

    Raise HTTPBadRequest for a wrong value, and HTTPNotFound if none of the chosen cameras exists.
    """
    by_number = {address.number: address for address in addresses}
    numbers = _parse_numbers(query["cameras"]) if "cameras" in query else [*by_number]
    shown = [by_number[number] for number in numbers if number in by_number]
    if numbers and not shown:
        known = ", ".join(map(str, by_number))
        raise web.HTTPNotFound(text=f"cameras={query['cameras'][:60]}: there are only these cameras: {known}.")
    return Wall(
        mode=parse_choice(query, "mode", "", "thumbnails", "live"),
        columns=parse_choice(query, "columns", "", "auto", *map(str, range(1, MAX_COLUMNS + 1))),
        is_kiosk=parse_choice(query, "kiosk", "0", "0", "1") == "1",
        cameras=shown,
        missing=[number for number in numbers if number not in by_number],
    )


def _parse_numbers(text: str) -> list[int]:
    if not _NUMBERS.fullmatch(text):
        raise web.HTTPBadRequest(
            text=f"cameras={text[:60]}: must be numbers of cameras with commas between them, such as 0,2."
        )
    return list(dict.fromkeys(int(number) for number in text.split(",")))
