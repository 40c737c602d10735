"""The translation of the options of older programs into settings, by tables."""
