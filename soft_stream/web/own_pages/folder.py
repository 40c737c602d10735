"""The files of the owner's folder: which of them a path names, and whether it may be read.

All functions block, so they run in a thread.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from mimetypes import MimeTypes
from pathlib import Path

INDEX = "index.html"
THREAD = "own pages"
"""The name of the threads that call these functions: the process does not wait for one that hangs."""
# Folders of a path that are tried as a prefix of a proxy, so that no request costs many look-ups.
MOST_PREFIXES = 8
FALLBACK_TYPE = "application/octet-stream"
# Not those of the machine: a type must not depend on what is installed.
TYPES = MimeTypes(filenames=())
for extension, name in {
    ".htm": "text/html",
    ".jar": "application/java-archive",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".mjpg": "video/x-motion-jpeg",
}.items():
    TYPES.add_type(name, extension)


@dataclass(frozen=True)
class OpenFile:
    """A regular file that is open for reading."""

    descriptor: int
    name: str
    size: int
    changed_ns: int
    inode: int

    @property
    def etag(self) -> str:
        """The tag of this content: a file that is replaced or changed has another one."""
        return f"{self.inode:x}-{self.size:x}-{self.changed_ns:x}"

    @property
    def content_type(self) -> str:
        """The type by the extension of the name."""
        kind, encoding = TYPES.guess_type(self.name.lower())
        if encoding == "gzip":
            return "application/gzip"
        if kind is None or encoding:
            return FALLBACK_TYPE
        return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


@dataclass(frozen=True)
class Found:
    """What a path names: a file, or a folder whose address lacks its slash."""

    file: OpenFile | None
    is_folder_without_slash: bool = False


class Folder:
    """The folder, and its links that may lead out of it."""

    def __init__(self, path: Path, links: Sequence[str] = ()) -> None:
        self.path = path
        self.links = frozenset(links)

    def find(self, parts: Sequence[str], *, is_folder: bool = False) -> Found | None:
        """Open the file that a path names, also below a prefix of a proxy; None without one.

        A folder has the page `index.html`; its path ends with a slash (`is_folder`).
        """
        if any(not _is_plain(part) for part in parts):
            return None
        for begin in range(min(max(len(parts), 1), MOST_PREFIXES + 1)):
            below = parts[begin:]
            if is_folder:
                if file := self._open([*below, INDEX]):
                    return Found(file)
            elif file := self._open(below):
                return Found(file)
            elif index := self._open([*below, INDEX]):
                os.close(index.descriptor)
                return Found(None, is_folder_without_slash=True)
        return None

    def _open(self, parts: Sequence[str]) -> OpenFile | None:
        """Open a file; None if it does not exist, is no regular file, or is outside of what may be read.

        O_PATH opens nothing: a pipe does not block, and a device notices nothing. What is checked is what is read then,
        whatever happens to the names meanwhile.
        """
        try:
            found = os.open(self.path.joinpath(*parts), os.O_PATH | os.O_CLOEXEC)
        except (OSError, ValueError):
            return None
        try:
            status = os.fstat(found)
            place = Path(os.readlink(f"/proc/self/fd/{found}"))
            if not stat.S_ISREG(status.st_mode) or not any(_contains(root, place) for root in self._roots(parts)):
                return None
            descriptor = os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        finally:
            os.close(found)
        return OpenFile(descriptor, parts[-1], status.st_size, status.st_mtime_ns, status.st_ino)

    def _roots(self, parts: Sequence[str]) -> Iterator[Path]:
        """Yield what may be read: the folder, and what a link on this path leads to if it is one of `links`."""
        yield self.path.resolve()
        for end in range(1, len(parts) + 1):
            if "/".join(parts[:end]) in self.links:
                yield self.path.joinpath(*parts[:end]).resolve()


def read_slice(file: OpenFile, offset: int, size: int) -> bytes:
    """Return bytes of a file.

    Raises:
        OSError: they cannot be read, or the file has become shorter.
    """
    content = os.pread(file.descriptor, size, offset)
    if len(content) < size and offset + len(content) < file.size:
        more = os.pread(file.descriptor, size - len(content), offset + len(content))
        if not more:
            raise OSError(None, "the file has become shorter")
        content += more
    return content


def _is_plain(part: str) -> bool:
    """Return True if one part of a path names a file or folder that may be shown: hidden ones may not."""
    return bool(part) and not part.startswith(".") and "/" not in part and "\0" not in part


def _contains(root: Path, place: Path) -> bool:
    """Return True if a file is the root or below it; no folder between them is hidden."""
    if not place.is_relative_to(root):
        return False
    return not any(part.startswith(".") for part in place.relative_to(root).parts)
