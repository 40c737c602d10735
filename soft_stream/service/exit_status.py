"""What the end of a process tells systemd; the numbers are those of sysexits.h."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """Exit status of every command; the units stay down after 66 and 78."""

    STOPPED = 0
    CHECK_FAILED = 1
    CAMERA_MISSING = 66
    START_ME_AGAIN = 75
    WRONG_SETTING = 78
