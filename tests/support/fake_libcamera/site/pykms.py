"""What Picamera2's DrmPreview wants at import; nobody shows a preview here."""


class PixelFormat:
    """Names of pixel formats."""

    RGB888 = BGR888 = XRGB8888 = XBGR8888 = ABGR8888 = YUV420 = YVU420 = NV12 = None
