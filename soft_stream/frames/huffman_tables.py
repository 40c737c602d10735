"""The Huffman tables that many cameras leave out of their JPEGs: those of ITU-T T.81, K.3.

MJPEG has them by default, so cameras need not send them. Safari, Go and strict decoders refuse a JPEG without them.
"""

from collections.abc import Iterable
from types import MappingProxyType

DHT_MARKER = b"\xff\xc4"
COUNTS = 17
"""Bytes of a table before its values: class and number, and how many codes there are of each length."""

_DC_VALUES = bytes(range(12)).hex()
# each with its counts and its values; the key is the class (0 for DC, 1 for AC) and the number, a digit each
_TABLES = {
    0x00: ("00010501010101010100000000000000", _DC_VALUES),
    0x10: (
        "0002010303020403050504040000017d",
        "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738"
        "393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5"
        "a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa",
    ),
    0x01: ("00030101010101010101010000000000", _DC_VALUES),
    0x11: (
        "00020102040403040705040400010277",
        "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a353637"
        "38393a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3"
        "a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa",
    ),
}
STANDARD_TABLES = MappingProxyType(
    {key: bytes([key]) + bytes.fromhex(counts + values) for key, (counts, values) in _TABLES.items()}
)


def huffman_segment(tables: Iterable[int]) -> bytes:
    """Return the DHT segment with these standard tables."""
    content = b"".join(STANDARD_TABLES[table] for table in sorted(tables))
    return DHT_MARKER + (len(content) + 2).to_bytes(2, "big") + content


def defined_tables(content: bytes) -> set[int]:
    """Return the tables that the content of a DHT segment defines: class and number."""
    tables, at = set(), 0
    while at + COUNTS <= len(content):
        tables.add(content[at])
        at += COUNTS + sum(content[at + 1 : at + COUNTS])
    return tables
