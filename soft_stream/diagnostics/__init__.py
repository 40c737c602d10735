"""Commands that look for faults: the self-test of a camera and the doctor of a machine."""
