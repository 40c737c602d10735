"""The controls of the device: those of a common webcam."""

from dataclasses import dataclass

# https://docs.kernel.org/userspace-api/media/v4l/control.html
INTEGER, BOOLEAN, MENU, BUTTON, CLASS, INTEGER_MENU = 1, 2, 3, 4, 6, 9
USER, CAMERA = 0x00980900, 0x009A0900
READ_ONLY, WRITE_ONLY = 0x0004, 0x0040


@dataclass(frozen=True)
class Control:
    """A control; `master` must have the value `master_value` before this one may be set."""

    id: int
    name: str
    kind: int = INTEGER
    minimum: int = 0
    maximum: int = 255
    step: int = 1
    initial: int = 128
    flags: int = 0
    items: tuple[str, ...] = ()
    """The names of a menu's values from 0 on; a value with an empty name does not exist."""
    master: int = 0
    master_value: int = 0


AUTO_EXPOSURE, AUTO_WHITE_BALANCE, AUTO_FOCUS = CAMERA + 1, USER + 12, CAMERA + 12
POWER_LINE, MANUAL_MODE = USER + 24, 1
WEBCAM = (
    Control(0x00980001, "User Controls", CLASS, 0, 0, 0, 0, READ_ONLY | WRITE_ONLY),
    Control(USER + 0, "Brightness", minimum=-64, maximum=64, initial=0),
    Control(USER + 1, "Contrast", maximum=95, initial=32),
    Control(AUTO_WHITE_BALANCE, "White Balance, Automatic", BOOLEAN, 0, 1, 1, 1),
    Control(POWER_LINE, "Power Line Frequency", MENU, 0, 2, 1, 2, items=("Disabled", "50 Hz", "60 Hz")),
    Control(
        USER + 26, "White Balance Temperature", minimum=2800, maximum=6500, initial=4600, master=AUTO_WHITE_BALANCE
    ),
    Control(USER + 27, "Sharpness", maximum=6, initial=3),
    Control(0x009A0001, "Camera Controls", CLASS, 0, 0, 0, 0, READ_ONLY | WRITE_ONLY),
    Control(AUTO_EXPOSURE, "Auto Exposure", MENU, 0, 3, 1, 3, items=("", "Manual Mode", "", "Aperture Priority Mode")),
    Control(
        CAMERA + 2,
        "Exposure Time, Absolute",
        minimum=1,
        maximum=5000,
        initial=157,
        master=AUTO_EXPOSURE,
        master_value=MANUAL_MODE,
    ),
    Control(CAMERA + 10, "Focus, Absolute", maximum=250, step=5, initial=0, master=AUTO_FOCUS),
    Control(AUTO_FOCUS, "Focus, Automatic Continuous", BOOLEAN, 0, 1, 1, 1),
)
