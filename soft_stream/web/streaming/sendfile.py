"""How a part gets into many sockets: copied into each one, or lent to all of them.

`send` copies the bytes into every socket. `sendfile` from a memfd, which is made once for a frame, lends its pages to
all of them; that costs nothing for each byte, but something for each page. What is cheaper depends on the machine: for
100 clients on loopback sendfile took 0.7 times what send took on one, and 1.1 times on another. So both are tried.
"""

import os
import time
from collections import deque

# With fewer clients, or bytes, making the memfd costs more than it can save.
MANY = 32
LARGE = 32 * 1024
# Frames from one trial of the road that is not taken to the next, and how many of the last ones count.
TRIAL = 50
SAMPLES = 15


class Roads:
    """Takes the cheaper road, by the processor time of the thread that sends: what it took at best, without others."""

    def __init__(self) -> None:
        self._costs = {lent: deque[float](maxlen=SAMPLES) for lent in (False, True)}
        """Seconds for each client, of the last parts that were copied, and lent."""
        self._count = 0
        self._began = 0.0

    def set_out(self, part: bytes, clients: int) -> int | None:
        """Choose for the next part: the memfd to send it from, or None if it is to be copied."""
        if clients < MANY or len(part) < LARGE:
            return None
        self._count += 1
        self._began = time.thread_time()
        if not self._is_lent():
            return None
        file = None
        try:
            file = os.memfd_create("part", os.MFD_CLOEXEC)
            os.write(file, part)
        except OSError:  # no descriptor or memory is left: a copy needs none
            self._costs[True].append(float("inf"))
            if file is not None:
                os.close(file)
            return None
        return file

    def arrive(self, file: int | None, clients: int) -> None:
        """Note what the road took that `set_out` has chosen for so many clients; sockets keep the pages themselves."""
        if file is not None:
            os.close(file)
        if self._began:
            self._costs[file is not None].append((time.thread_time() - self._began) / clients)
            self._began = 0.0

    def _is_lent(self) -> bool:
        copied, lent = self._costs[False], self._costs[True]
        if len(copied) < SAMPLES or len(lent) < SAMPLES:
            return len(lent) < len(copied)
        return (min(lent) < min(copied)) != (self._count % TRIAL == 0)
