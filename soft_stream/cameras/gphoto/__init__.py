"""The driver of photo cameras with a shutter, through libgphoto2."""
