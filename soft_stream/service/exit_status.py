"""Exit statuses of every command, with the numbers of sysexits.h."""

import os
from enum import IntEnum


class ExitStatus(IntEnum):
    """The exit status of a command; systemd does not restart a unit after 66 or 78."""

    STOPPED = 0
    CHECK_FAILED = 1
    DATA_ERROR = os.EX_DATAERR
    CAMERA_MISSING = os.EX_NOINPUT
    TEMPORARY_FAILURE = os.EX_TEMPFAIL
    CONFIG_ERROR = os.EX_CONFIG
