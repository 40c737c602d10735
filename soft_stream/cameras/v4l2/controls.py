"""The controls of a V4L2 device, with the names that v4l2-ctl shows."""

import errno
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from soft_stream.cameras.base import Control, ControlsRefused, ControlValue
from soft_stream.cameras.v4l2 import kernel
from soft_stream.message import Message

# v4l2_queryctrl.type: the types of one number. Buttons have no value; texts, arrays and classes are no numbers.
INTEGER, BOOLEAN, MENU, BITMASK, INTEGER_MENU = 1, 2, 3, 8, 9
KINDS = {INTEGER: "int", BOOLEAN: "bool", MENU: "int", BITMASK: "int", INTEGER_MENU: "int"}
# What "permission denied" means here: settable controls are listed only.
INACTIVE = "another control decides about it, such as an automatic mode"
# A driver that lists more controls, or more values of a menu, is broken.
MOST = 1024


@dataclass(frozen=True)
class DeviceControl:
    """A control of a device with its number: V4L2_CID_..."""

    id: int
    type: int
    control: Control


def list_controls(descriptor: int) -> list[DeviceControl]:
    """Return the controls that can be set."""
    found: dict[str, DeviceControl] = {}
    for identity, kind, name, low, high, default, flags in _queried(descriptor):
        is_settable = kind in KINDS and not flags & (kernel.DISABLED | kernel.READ_ONLY)
        name = option_name(name)
        if is_settable and low <= high and name and name not in found:
            control = Control(name, KINDS[kind], 1, low, high, default)
            if kind == BOOLEAN:
                control = replace(control, min=False, max=True, default=bool(default))
            elif items := _items(descriptor, identity, kind, low, high):
                control = replace(control, min=items[0][0], max=items[-1][0], choices=items)
            found[name] = DeviceControl(identity, kind, control)
    return list(found.values())


def set_controls(descriptor: int, known: Mapping[str, DeviceControl], values: Mapping[str, ControlValue]) -> None:
    """Set controls: switches and menus first, because a driver refuses what an automatic mode sets.

    Raises:
        OSError: the device is gone.
        ControlsRefused: the driver refuses some of them; the others are set.
    """
    refused = []
    for name in sorted(values, key=lambda name: known[name].type in (INTEGER, BITMASK)):
        value = int(values[name])  # type: ignore[arg-type] # a control of V4L2 is one number
        try:
            kernel.call(descriptor, kernel.S_CTRL, kernel.CONTROL, kernel.CONTROL.pack(known[name].id, value))
        except OSError as error:
            if error.errno == errno.ENODEV:
                raise
            reason = INACTIVE if error.errno == errno.EACCES else error.strerror
            refused.append(f"{name}={value} ({reason})")
    if refused:
        template = "the driver refuses {values}"
        raise ControlsRefused(Message("device_refuses", template, values=", ".join(refused)))


def option_name(name: str) -> str:
    """Return the name of a control as v4l2-ctl writes it: `White Balance, Automatic` is white_balance_automatic."""
    return re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_")


def _items(descriptor: int, identity: int, kind: int, low: int, high: int) -> tuple[tuple[int, str], ...]:
    """Return the values of a menu with their names, which are numbers in a menu of numbers; a menu may have gaps."""
    items = []
    for value in range(max(0, low), min(high, MOST) + 1) if kind in (MENU, INTEGER_MENU) else ():
        with suppress(OSError):  # a gap
            asked = kernel.numbers(identity, value)
            name = kernel.call(descriptor, kernel.QUERYMENU, kernel.QUERY_MENU, asked)[2]
            number = int.from_bytes(name[:8], "little", signed=True)
            items.append((value, str(number) if kind == INTEGER_MENU else kernel.text(name)))
    return tuple(items)


def _queried(descriptor: int) -> Iterator[tuple[int, int, str, int, int, int, int]]:
    """Yield the number, type, name, bounds, default and flags of each control."""
    identity = 0
    for _ in range(MOST):
        asked = kernel.numbers(identity | kernel.NEXT_CONTROL)
        try:
            answer = kernel.call(descriptor, kernel.QUERYCTRL, kernel.QUERY_CONTROL, asked)
        except OSError:  # there are no more, or the driver has none
            return
        if answer[0] <= identity:
            return
        identity = answer[0]
        _, kind, name, low, high, _, default, flags = answer
        yield identity, kind, kernel.text(name), low, high, default, flags
