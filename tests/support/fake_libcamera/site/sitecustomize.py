"""Connect the cameras that FAKE_LIBCAMERA names to any Python program; see `tests.support.fake_libcamera`."""

import os

if os.environ.get("FAKE_LIBCAMERA"):
    from tests.support.fake_libcamera import enable

    enable(os.environ["FAKE_LIBCAMERA"])
    if os.environ.get("FAKE_LIBCAMERA_SOCKET"):
        from tests.support.fake_libcamera import remote

        remote.serve(os.environ["FAKE_LIBCAMERA_SOCKET"])
