"""The Exif data of snapshots, as exiftool judges it."""

import json
from functools import partial
from pathlib import Path

import pytest

from tests.end_to_end.clients.programs import needs_program, run
from tests.support.jpeg_camera import JpegCamera, Roll, saved
from tests.support.server import QUICK, Portal, running

pytestmark = needs_program("exiftool")


async def judged(portal: Portal, query: str, folder: Path) -> dict[str, object]:
    """Take a snapshot; return its tags and the header with its size, after exiftool has validated it."""
    async with portal.http.get(f"/snapshot.jpg?{query}") as answer:
        (file := folder / "snapshot.jpg").write_bytes(await answer.read())
        size = answer.headers["X-Frame-Size"]
    verdict = await run("exiftool", "-validate", "-warning", "-a", file)
    assert verdict.out.split() == [b"Validate", b":", b"OK"]
    (tags,) = json.loads((await run("exiftool", "-json", "-a", "-G1", "-n", file)).out)
    assert f"{tags['File:ImageWidth']}x{tags['File:ImageHeight']}" == size
    return dict(tags)


def is_described(tags: dict[str, object]) -> bool:
    """Return whether the Exif data has the size of the very picture."""
    sides = [(tags[f"ExifIFD:ExifImage{side}"], tags[f"File:Image{side}"]) for side in ("Width", "Height")]
    return all(said == true for said, true in sides)


@pytest.mark.parametrize("query", ["size=full", "size=full&width=100", "size=full&rotate=90"])
async def test_exiftool_is_content_with_a_still(portal: Portal, tmp_path: Path, query: str) -> None:
    """The Exif data of a still has all tags that the standard demands, and the size of the picture."""
    tags = await judged(portal, query, tmp_path)
    assert is_described(tags)
    assert tags["ExifIFD:ColorSpace"] == tags["IFD0:YCbCrPositioning"] == 1
    assert tags["ExifIFD:ComponentsConfiguration"] == "1 2 3 0"


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("query", ["size=full", "size=full&width=100", "size=stream"])
async def test_exiftool_is_content_with_a_cameras_own_jpeg(tmp_path: Path, query: str, orientation: int) -> None:
    """The camera's Exif data and its thumbnail are replaced by those of the server, and no path is the model."""
    async with running(QUICK, new_camera=partial(JpegCamera, roll=Roll([saved(orientation)]))) as portal:
        tags = await judged(portal, query, tmp_path)
    assert "IFD0:Make" not in tags
    assert not [tag for tag in tags if "Thumbnail" in tag or tag.startswith("IFD1:") or tag.endswith(":Orientation")]
    assert is_described(tags) if "full" in query else not [tag for tag in tags if tag.startswith("ExifIFD:")]
