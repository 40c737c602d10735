"""The names that Picamera2's DrmPreview imports; no test shows a preview."""


class PixelFormat:
    """The names of pixel formats."""

    RGB888 = BGR888 = XRGB8888 = XBGR8888 = ABGR8888 = YUV420 = YVU420 = NV12 = None
