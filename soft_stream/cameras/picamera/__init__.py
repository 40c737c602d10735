"""CSI and USB cameras through Picamera2: the only package that imports Picamera2 and libcamera.

How Picamera2 works: https://github.com/raspberrypi/picamera2, release 0.3.38. It runs its job queue and its event loop
in threads of its own; everything here runs in the camera thread. libcamera's Python bindings hold the GIL while a
camera is listed, acquired, configured, started and stopped, which blocks all other threads (nothing in
src/py/libcamera/ of https://github.com/raspberrypi/libcamera releases it).
"""
