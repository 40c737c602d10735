"""The patches with which the camera lab breaks a release."""

import pytest

from tests.end_to_end.lab.patches import OLDER, PATCHES, Patch
from tests.support.checkout import ROOT


@pytest.mark.parametrize("patch", [*PATCHES.values(), *OLDER])
def test_a_patch_applies(patch: Patch) -> None:
    """The text that a patch replaces is in its file; this finds an outdated patch without a run of the lab."""
    assert patch.old in (ROOT / patch.file).read_text()
