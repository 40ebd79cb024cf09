"""Numbers that look random and are a pure function of their keys, so that a world needs no memory."""

import hashlib
import struct
from statistics import NormalDist

_MASK = (1 << 64) - 1
_NORMAL = NormalDist()


def mix(value: int) -> int:
    """Return 64 well-stirred bits of an integer (the SplitMix64 finalizer)."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def key_of(*parts: int) -> int:
    """Return one 64-bit key for a tuple of integers; order matters."""
    key = 0
    for part in parts:
        key = mix(key ^ (part & _MASK))
    return key


def unit(key: int, salt: int) -> float:
    """Return a number in [0, 1) for a key; each salt gives an independent one."""
    return (mix(key + salt * 0xD1342543DE82EF95) >> 11) * 2.0**-53


def dice(key: int, salt: int) -> list[float]:
    """Return sixteen independent numbers in [0, 1) at the price of three calls of `unit`."""
    digest = hashlib.blake2b(struct.pack("<QQ", key, salt)).digest()
    return [number * 2.0**-32 for number in struct.unpack("<16I", digest)]


def normal_from(uniform: float) -> float:
    """Return the standard normal deviate that belongs to a number in [0, 1); never beyond six sigma."""
    return _NORMAL.inv_cdf(uniform * 0.999_999_99 + 5e-9)


def normal(key: int, salt: int) -> float:
    """Return a standard normal deviate for a key and a salt."""
    return normal_from(unit(key, salt))
