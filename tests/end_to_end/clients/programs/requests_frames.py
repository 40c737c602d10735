"""Reads frames of a stream with requests, in pieces as OctoPrint reads snapshots; writes each as a line of Base64.

Runs under the Python that has requests. Usage: requests_frames.py URL FRAMES
"""

import base64
import re
import sys

import requests

with requests.get(sys.argv[1], stream=True, timeout=5) as answer:
    answer.raise_for_status()
    left, received = int(sys.argv[2]), b""
    for piece in answer.iter_content(1024):
        received += piece
        head = re.search(rb"Content-Length: (\d+)\r\n.*?\r\n\r\n", received, re.DOTALL)
        if head and len(received) >= head.end() + int(head[1]):
            end = head.end() + int(head[1])
            print(base64.b64encode(received[head.end() : end]).decode())
            received = received[end:]
            left -= 1
            if not left:
                break
