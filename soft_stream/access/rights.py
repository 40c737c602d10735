"""Roles, and the rights of a user or token: a role, perhaps for some cameras only."""

import re
from dataclasses import dataclass
from enum import IntEnum

NUMBER = re.compile("[0-9]{1,2}")
# Characters of a wrong word that a message has.
MAX_SHOWN = 40


class Role(IntEnum):
    """What a client may do; each role includes those before it."""

    NONE = 0
    VIEW = 1
    """Frames and states."""
    CONTROL = 2
    """Also focus, controls and pauses."""
    ADMIN = 3
    """Also settings."""

    def __str__(self) -> str:
        return self.name.lower()


ROLES = {str(role): role for role in Role if role}


@dataclass(frozen=True)
class Rights:
    """A role for some cameras, or for all."""

    role: Role
    cameras: frozenset[int] = frozenset()
    """The numbers of the cameras; empty for all cameras."""

    def on(self, camera: int) -> Role:
        """Return the role for a camera."""
        return self.role if not self.cameras or camera in self.cameras else Role.NONE

    def __str__(self) -> str:
        cameras = f" camera={','.join(map(str, sorted(self.cameras)))}" if self.cameras else ""
        return f"role={self.role}{cameras}"


NO_RIGHTS = Rights(Role.NONE)
ALL_RIGHTS = Rights(Role.ADMIN)


def parse_rights(text: str) -> Rights:
    """Return the rights in a text such as `role=view camera=0,1`; without a role it is admin.

    Raises:
        ValueError: the text is something else; the message is a sentence about it.
    """
    values = dict[str, str]()
    for word in text.split():
        key, _, value = word.partition("=")
        if key not in ("role", "camera") or key in values or not value:
            raise ValueError(f"{word[:MAX_SHOWN]}: must be one role=ROLE and one camera=N")
        values[key] = value
    role, cameras = values.get("role", str(Role.ADMIN)), values.get("camera", "")
    if role not in ROLES:
        raise ValueError(f"role={role[:MAX_SHOWN]}: must be one of: {', '.join(ROLES)}")
    numbers = cameras.split(",") if cameras else []
    if not all(NUMBER.fullmatch(each) for each in numbers):
        raise ValueError(f"camera={cameras[:MAX_SHOWN]}: must be numbers from 0 to 99, separated by commas")
    return Rights(ROLES[role], frozenset(map(int, numbers)))
