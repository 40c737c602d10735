"""Commands that find faults: the self-test of a camera and the doctor for the machine."""
