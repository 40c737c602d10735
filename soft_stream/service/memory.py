"""The memory of the process: what was used for a large frame goes back to the system at once."""

import ctypes

# From <malloc.h>, with bytes for each: larger blocks are mapped, and a heap keeps no more than this at its end.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = 4 * 1024 * 1024


def return_large_blocks() -> None:
    """Switch off that glibc adapts both limits (`man 3 mallopt`); other C libraries have no such function.

    After the first still of 12 megapixels each thread that encoded one would keep up to 64 MB: ten stills took
    343 MB instead of 88 MB.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, LARGE)
        libc.mallopt(M_TRIM_THRESHOLD, LARGE)
