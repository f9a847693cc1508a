"""SipHash-1-3 under the key zero: what Rust's standard library made of a value when refinery began to keep checksums."""

from __future__ import annotations

from struct import iter_unpack

_MASK = 0xFFFFFFFFFFFFFFFF
_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
_WORD = 8  # bytes
_FINAL = (0xFF, 0, 0)


def siphash13(data: bytes) -> int:
    """The hash of the bytes, 64 bits without a sign."""
    whole = len(data) - len(data) % _WORD
    last = (len(data) & 0xFF) << 56 | int.from_bytes(data[whole:], "little")
    words = [word for (word,) in iter_unpack("<Q", data[:whole])]
    a, b, c, d = _START
    for word, final in (*((word, 0) for word in (*words, last)), *((0, final) for final in _FINAL)):
        c, d = c ^ final, d ^ word
        # A round: in the loop and not in a function, since it is all that there is to do for a byte.
        a = a + b & _MASK
        b = (b << 13 & _MASK | b >> 51) ^ a
        a = a << 32 & _MASK | a >> 32
        c = c + d & _MASK
        d = (d << 16 & _MASK | d >> 48) ^ c
        a = a + d & _MASK
        d = (d << 21 & _MASK | d >> 43) ^ a
        c = c + b & _MASK
        b = (b << 17 & _MASK | b >> 47) ^ c
        a, c = a ^ word, c << 32 & _MASK | c >> 32
    return a ^ b ^ c ^ d
