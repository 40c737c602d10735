"""soft_stream/cameras/picamera over the real Picamera2 and tests/support/fake_libcamera: what it does on each board."""
