"""CSI and USB cameras through Picamera2: the only folder that knows Picamera2 and libcamera.

How Picamera2 works: https://github.com/raspberrypi/picamera2, release 0.3.38. Its job queue and event loop run in
threads of their own; everything here runs in the camera thread. libcamera's Python bindings keep the interpreter's
lock while a camera is listed, acquired, configured, started and stopped, so that everything else stands still meanwhile
(src/py/libcamera/ of https://github.com/raspberrypi/libcamera releases it nowhere).

- `camera.py`: one opening of a camera
- `library.py`: Picamera2 itself: import, faults, the list of cameras; `holders.py`: who has a camera that is busy
- `configuration.py`: what is asked of the camera for the stream and for stills; `modes.py`: which mode of the sensor
- `controls.py`: what the camera can be told, focus included; `hdr.py`: what only the sensor's driver can be told
- `request.py`: a request becomes a raw frame; `colour.py`: colours that JPEG does not know
"""
