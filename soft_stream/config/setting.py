"""The declaration of one setting."""

from dataclasses import field
from typing import Any

from soft_stream.config.value_types import ValueType


def setting(
    default: Any,
    value_type: ValueType,
    meaning: str,
    *,
    per_camera: bool = False,
    shared: bool = False,
    secret: bool = False,
) -> Any:
    """Declare a setting; `per_camera`: it has only the form `camN_NAME`; `shared`: it has only the form `cam_NAME`.

    `secret`: it is a URL that may have a password, and is shown without that.
    """
    metadata = {"type": value_type, "meaning": meaning, "per_camera": per_camera, "shared": shared, "secret": secret}
    return field(default=default, metadata=metadata, repr=not secret)
