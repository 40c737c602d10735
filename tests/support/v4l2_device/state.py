"""The state of the device, as in shared.h."""

import ctypes
from enum import IntEnum

MOST_ITEMS = 6


class Stall(IntEnum):
    """Whether frames flow; UNTIL_RESTART: none arrive until a program starts the stream again."""

    NO = 0
    YES = 1
    UNTIL_RESTART = 2


class Damage(IntEnum):
    """How frames are damaged: half of one, nothing of one, or a whole one with the kernel's mark of an error."""

    CUT_OFF = 0
    EMPTY = 1
    MARKED = 2


class ControlState(ctypes.Structure):
    """A control of the device."""

    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("id", "type", "flags")),
        *((name, ctypes.c_int32) for name in ("minimum", "maximum", "step", "initial", "value")),
        ("master", ctypes.c_uint32),
        ("master_value", ctypes.c_int32),
        ("sets", ctypes.c_uint32),
        ("name", ctypes.c_char * 32),
        ("items", ctypes.c_char * 32 * MOST_ITEMS),
    )


class State(ctypes.Structure):
    """What the test decides, and what programs have done."""

    _fields_ = (
        *(
            (name, ctypes.c_uint32)
            for name in (
                *("plugs", "plugged", "stall", "damaged", "damage", "busy", "start_error", "padding", "quantization"),
            )
        ),
        ("formats", ctypes.c_uint32 * 8),
        ("sizes", ctypes.c_uint32 * 2 * 4),
        ("rates", ctypes.c_uint32 * 4),
        *(
            (name, ctypes.c_uint32)
            for name in (
                *("owner", "opened", "streaming", "starts", "delivered", "lost", "format", "width", "height", "rate"),
            )
        ),
        ("controls", ControlState * 16),
    )
