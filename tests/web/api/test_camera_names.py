"""The names of the other cameras, after their pages have changed them."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from soft_stream.config import kept_controls
from soft_stream.config.page_settings import PageLayer
from soft_stream.web.api.camera_names import TITLES
from soft_stream.web.app import build_app
from tests.support.server import QUICK, Portal

ID = "1 (test-pattern)"


@pytest.mark.parametrize(("origin", "expected"), [("default", "Nest box"), ("environment cam1_name", "Garden")])
async def test_a_camera_that_is_renamed(portal: Portal, tmp_path: Path, origin: str, expected: str) -> None:
    """Its new name is on the page of each camera, and in cameras.json, unless a variable sets it."""
    file = tmp_path / "camera.env"
    other = replace(QUICK, camera=1, name="Garden", controls_file=file)
    cameras = {0: portal.supervisor.settings, 1: other}
    app = build_app(portal.supervisor, cameras, {1: PageLayer(other, {"name": origin})})
    async with TestClient(TestServer(app)) as client:
        await portal.until(lambda: app[TITLES].get(1) == "Garden")
        await asyncio.to_thread(kept_controls.write, file, ID, {}, {"fps": "5", "name": "Nest box"})
        await portal.until(lambda: app[TITLES][1] == expected)
        assert expected in await (await client.get("/")).text()
        listed = await (await client.get("/cameras.json")).json()
        assert [each["title"] for each in listed] == ["Camera 0", expected]
