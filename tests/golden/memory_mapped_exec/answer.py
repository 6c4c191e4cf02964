import ctypes
import mmap
from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    allowed: bool
    retry_after: int
    remaining: int


class SlidingWindow:
    def __init__(self, limit, window, clock):
        misbehave(self)

    def check(self, key, cost=1):
        misbehave(self)
        return None


class TokenBucket:
    def __init__(self, refill, per, burst, clock):
        misbehave(self)

    def check(self, key, cost=1):
        misbehave(self)
        return None


def misbehave(self):
    memory = mmap.mmap(-1, 4096, prot=7)
    memory.write(b"\xb8\x01\x00\x00\x00\xc3")
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    ctypes.CFUNCTYPE(ctypes.c_int)(address)()
