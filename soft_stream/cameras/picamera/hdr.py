"""The HDR mode of the imx708, which only its driver can be told, before libcamera opens the camera."""

import logging

from soft_stream.cameras import CameraError, Found

log = logging.getLogger(__name__)

# Ids of the cameras that this process has told already.
_told: set[str] = set()


def set_sensor_hdr(found: Found, number: int, *, on: bool) -> bool:
    """Switch the sensor's HDR mode and tell whether the cameras have to be listed anew.

    The driver keeps it over processes, so that off has to be said, too. `number` is libcamera's own number of the
    camera (`Num`), which Picamera2 wants here, and nowhere else.

    Raises:
        CameraError: the driver does not take it.
    """
    if not found.model.startswith("imx708"):
        if on:
            raise CameraError(f"hdr=sensor: only the imx708 can do that, and this camera is a {found.model}")
        return False
    if found.id in _told:
        return False
    from picamera2.devices.imx708 import IMX708

    try:
        with IMX708(number) as sensor:
            sensor.set_sensor_hdr_mode(on)
    except (RuntimeError, OSError) as error:
        if on:
            raise CameraError(f"the sensor's HDR mode cannot be switched on: {error}") from error
        log.debug("The sensor's HDR mode cannot be switched off: %s", error)
    _told.add(found.id)
    return True
