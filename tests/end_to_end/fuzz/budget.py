"""How many inputs a run has, and the seed of all of them."""

import os

# Inputs of a run in CI, of all kinds together. It is a number, not a time: a slow machine tries the same inputs.
INPUTS = 20_000
SOAK_INPUTS = 1_000_000
# The part of each kind. A conversation over HTTP costs most, and finds most.
SHARES = {"http": 0.40, "jpeg": 0.39, "camera": 0.01, "settings": 0.10, "import": 0.05, "control": 0.05}
# The part of conversations with a server that wants a login, in addition.
SHARES["login"] = 0.10
DEFAULT_SEED = 16


def seed() -> int:
    """Return the seed of this run: that of the environment variable FUZZ_SEED, or the default one."""
    return int(os.environ.get("FUZZ_SEED", DEFAULT_SEED))


def count(kind: str, *, soak: bool = False) -> int:
    """Return how many inputs of a kind to try; the environment variable FUZZ_INPUTS sets the sum of all kinds."""
    total = int(os.environ.get("FUZZ_INPUTS", SOAK_INPUTS if soak else INPUTS))
    return max(1, round(total * SHARES[kind]))
