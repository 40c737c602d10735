"""The function that Picamera2's FfmpegOutput imports."""
