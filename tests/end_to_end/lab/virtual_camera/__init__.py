"""A USB webcam that is a program, plugged into a QEMU guest.

It speaks usbredir to QEMU's usb-redir device, so that the guest sees an ordinary webcam behind an ordinary xHCI
controller: uvcvideo, udev's events and libcamera's ids are the real ones, and nothing is installed in the guest.

While the program runs, the cable is in. Reading order: descriptors (what the camera says it is), pictures (its frames),
webcam (what it answers and when it has a frame), usbredir (the wire), __main__ (the command line).
"""
