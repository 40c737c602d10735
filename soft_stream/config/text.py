"""Text from outside this program, made fit for one line of a log or of an error."""


def one_line(text: str) -> str:
    """Return a text with everything escaped that is not printable: line breaks, control characters, surrogates."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
