"""Decodes frames of a stream with OpenCV; writes width, height and the sum of all pixels of each.

Runs under the Python that has OpenCV. Usage: opencv_frames.py URL FRAMES
"""

import sys

import cv2

capture = cv2.VideoCapture(sys.argv[1])
for _ in range(int(sys.argv[2])):
    arrived, picture = capture.read()
    if not arrived:
        sys.exit(f"OpenCV gets nothing more from {sys.argv[1]}")
    height, width, _ = picture.shape
    print(width, height, picture.sum())
