"""CSI and USB cameras through Picamera2: the only folder that knows Picamera2 and libcamera.

How Picamera2 works: https://github.com/raspberrypi/picamera2, release 0.3.38. Its job queue and event loop run in
threads of their own; everything here runs in the camera thread.
"""
