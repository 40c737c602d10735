"""What Picamera2's FfmpegOutput wants at import."""
