"""Outputs of frames other than HTTP; each is a task of the process, and a client of the camera."""
