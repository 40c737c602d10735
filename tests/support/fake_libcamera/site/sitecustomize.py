"""Gives any Python program the cameras that FAKE_LIBCAMERA names; see `tests.fake_libcamera`."""

import os

if os.environ.get("FAKE_LIBCAMERA"):
    from tests.support.fake_libcamera import enable

    enable(os.environ["FAKE_LIBCAMERA"])
    if os.environ.get("FAKE_LIBCAMERA_SOCKET"):
        from tests.support.fake_libcamera import remote

        remote.serve(os.environ["FAKE_LIBCAMERA_SOCKET"])
