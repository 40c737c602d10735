"""A base of the drivers whose source has no lens and no controls that this program can set."""

from collections.abc import Mapping

from soft_stream.cameras.base import Control, ControlValue, FocusMode, Negotiated
from soft_stream.config.settings import Settings
from soft_stream.frames.raw import Orientation
from soft_stream.frames.zoom import Rectangle


class CameraWithoutControls:
    """The part of `Camera` that has nothing to do without a lens, controls and a sensor that can be cropped."""

    _settings: Settings

    def focus(self, mode: FocusMode, lens_position: float = 0.0) -> None:
        """Do nothing: the lens, if there is one, belongs to the source; see `Camera.focus`."""

    def controls(self) -> list[Control]:
        """Return an empty list: nothing can be set."""
        return []

    def set_controls(self, values: Mapping[str, ControlValue]) -> Negotiated:
        """Do nothing; see `Camera.set_controls`."""
        return self._negotiated()

    def set_zoom(self, crop: Rectangle | None) -> None:
        """Do nothing; see `Camera.set_zoom`."""

    def _negotiated(self) -> Negotiated:
        """Return what `open` has negotiated."""
        raise NotImplementedError

    def _describe_jpegs(self, size: tuple[int, int], owner: str, model: str) -> Negotiated:
        """Describe a source that gives JPEGs of this size at the rate of the settings."""
        settings = self._settings
        return Negotiated(
            size=size,
            pixel_format="MJPEG",
            stride=0,
            colour_space=f"the {owner}'s own",
            sensor_mode="none",
            fps=settings.fps,
            has_autofocus=False,
            orientation=Orientation(settings.hflip, settings.vflip, settings.rotation).normalized,
            model=model,
            longest_interval=1 / settings.fps,
        )
