"""The settings of where the frames come from."""

from dataclasses import dataclass, replace
from pathlib import PurePath

from soft_stream.config import urls
from soft_stream.config import value_types as types
from soft_stream.config.setting import setting

SOURCES = ("picamera", "test-pattern", "folder", "http", "v4l2", "media", "gphoto")
# mjpg-streamer's input plugins; a name may have the prefix `input_` and the suffix `.so`, and then a path before it
PLUGINS = {
    "raspicam": "picamera",
    "testpicture": "test-pattern",
    "file": "folder",
    "http": "http",
    "uvc": "v4l2",
    "opencv": "media",
    "ptp2": "gphoto",
}
SPELLINGS = {
    spelling: source
    for plugin, source in PLUGINS.items()
    for spelling in (plugin, f"input_{plugin}", f"input_{plugin}.so")
}


def source_name() -> types.ValueType:
    """Return the type of the name of a source, or of a plugin of mjpg-streamer."""
    choice = types.choice(*SOURCES, spellings=SPELLINGS)

    def parse(text: str) -> str:
        name: str = choice.parse(PurePath(text).name if text.endswith(".so") else text)
        return name

    return replace(choice, parse=parse)


@dataclass(frozen=True, kw_only=True)
class SourceSettings:
    """The part of the settings of one camera that selects the driver and what it opens."""

    source: str = setting("picamera", source_name(), "source of the frames")
    folder: str = setting("", types.path(), "folder of the JPEGs for source=folder", per_camera=True)
    folder_mode: str = setting(
        "auto",
        types.choice("auto", "loop", "once", "new"),
        "which files source=folder shows; loop: all, by name, again and again; once: all, and then none; "
        "new: the newest one, as soon as it is complete; auto: new with folder_file, else loop",
    )
    folder_file: str = setting(
        "", types.entry_name(), "name of the only file of the folder that source=folder shows", per_camera=True
    )
    folder_interval: float = setting(
        0.0,
        types.number(0, 86400, "seconds"),
        "longest time between two new files with folder_mode=new, after which the picture is not live; 0: 1 / fps",
    )
    folder_delete: bool = setting(False, types.boolean(), "delete each file of source=folder after it was read")
    url: str = setting(
        "",
        urls.source_url(),
        "URL of the stream, snapshot or file for source=http and source=media",
        per_camera=True,
        secret=True,
    )
    url_certificate: str = setting(
        "",
        types.path(),
        "certificates (PEM) that the server of source=http must have, or its authority; empty: those of the system",
        per_camera=True,
    )
    device: str = setting(
        "",
        types.device(),
        "device for source=v4l2, such as /dev/v4l/by-id/NAME; port or model for source=gphoto",
        per_camera=True,
    )
    gphoto_keep: bool = setting(
        False, types.boolean(), "leave the full-size snapshots of source=gphoto in the memory of the camera"
    )

    @property
    def has_own_size(self) -> bool:
        """Whether the size of the pictures is that of the source, and that of the settings at most a limit."""
        return self.source in ("folder", "http", "media", "gphoto")

    @property
    def what_is_shown(self) -> str:
        """What the source shows, without secrets; empty for source=picamera, whose camera must be looked for."""
        return {
            "test-pattern": "a test camera",
            "folder": f"the images of {self.folder}",
            "http": urls.without_secrets(self.url),
            "v4l2": self.device or "the first V4L2 camera",
            "media": urls.without_secrets(self.url),
            "gphoto": self.device or "the first photo camera",
        }.get(self.source, "")
