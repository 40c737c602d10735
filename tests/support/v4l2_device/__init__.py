"""A V4L2 camera for processes on a machine without one, which are started with LD_PRELOAD; see device.c."""
