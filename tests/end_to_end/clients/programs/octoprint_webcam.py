"""OctoPrint's own code for webcams, without its server: prints the result of a snapshot URL as JSON.

Runs under the Python that has OctoPrint. Usage: octoprint_webcam.py FOLDER SNAPSHOT_URL FRAMES [LOGIN]

LOGIN is JSON: the settings of the webcam for its login.
"""

import json
import sys
import threading
from pathlib import Path
from typing import Any

import flask
import octoprint
import octoprint.plugin
from octoprint.settings import Settings


def configured(folder: Path, url: str, login: dict[str, str]) -> Settings:
    """Return the settings of an OctoPrint in a folder of its own, with a classic webcam."""
    (folder / "config.yaml").write_text(json.dumps({"plugins": {"classicwebcam": {"snapshot": url} | login}}))
    settings: Settings = octoprint.init_settings(str(folder), None)
    return settings


def load_webcam(settings: Settings) -> None:
    """Load the webcam plugin with its settings, as OctoPrint's server does."""
    bundled = Path(octoprint.__file__).parent / "plugins"
    others = [plugin.name for plugin in bundled.iterdir() if plugin.name != "classicwebcam"]
    manager = octoprint.plugin.plugin_manager(
        init=True,
        plugin_folders=[(str(bundled), "octoprint.plugins", True)],
        plugin_entry_points=[],
        plugin_disabled_list=others,
    )
    manager.reload_plugins(startup=True, initialize_implementations=False)
    manager.implementation_inject_factories = [
        octoprint.octoprint_plugin_inject_factory(settings, {}),
        octoprint.settings_plugin_inject_factory(settings),
    ]
    manager.initialize_implementations()


def press_test(url: str, login: dict[str, str]) -> dict[str, Any]:
    """Return the answer to the Test button of the snapshot URL (its parameters are in classicwebcam_settings.js)."""
    from octoprint.server import api
    from octoprint.server.util.flask import OctoPrintJsonProvider

    asked = {
        "url": url,
        "method": "GET",
        "response": "bytes",
        "timeout": 5,
        "validSsl": True,
        "content_type_whitelist": ["image/*"],
        "content_type_guess": True,
    }
    kind = login.get("snapshotAuth")
    if kind == "bearer":
        asked["bearerAuth"] = login["snapshotBearerToken"]
    elif kind:
        asked[f"{kind}Auth"] = {"username": login["snapshotUsername"], "password": login["snapshotPassword"]}
    app = flask.Flask("octoprint")
    app.json = OctoPrintJsonProvider(app)
    with app.app_context():
        answer: dict[str, Any] = api._test_url(asked).get_json()
    return answer


def record(settings: Settings, frames: int) -> dict[str, Any]:
    """Record a timelapse of some frames; return its results and its folder."""
    from octoprint.timelapse import Timelapse

    timelapse, done = Timelapse(), threading.Event()
    timelapse.start_timelapse("print.gcode")
    for _ in range(frames):
        timelapse.capture_image()
    timelapse._capture_queue.put({"type": timelapse.QUEUE_ENTRY_TYPE_CALLBACK, "callback": done.set})
    done.wait()
    return {
        "succeeded": timelapse._capture_success,
        "failed": timelapse._capture_errors,
        "folder": settings.getBaseFolder("timelapse_tmp"),
    }


if __name__ == "__main__":
    login = json.loads(sys.argv[4]) if len(sys.argv) > 4 else {}
    settings = configured(Path(sys.argv[1]), sys.argv[2], login)
    load_webcam(settings)
    print(json.dumps({"test": press_test(sys.argv[2], login), "timelapse": record(settings, int(sys.argv[3]))}))
