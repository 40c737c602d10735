"""The end of each test with a folder."""

from collections.abc import Iterator

import pytest

from soft_stream.cameras.base import Negotiated
from soft_stream.cameras.folder.camera import FolderCamera


@pytest.fixture(autouse=True)
def _drivers_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close each driver that a test has opened, in the order of the openings."""
    opened: list[FolderCamera] = []
    really_open = FolderCamera.open

    def noted(camera: FolderCamera) -> Negotiated:
        opened.append(camera)
        return really_open(camera)

    monkeypatch.setattr(FolderCamera, "open", noted)
    yield
    for camera in opened:
        camera.close()
