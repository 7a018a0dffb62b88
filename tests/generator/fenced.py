"""What the process of `test_fence.py` does: mostly, it misbehaves."""

from __future__ import annotations

import os

from generator.fence import Limits, RefusedError, serve


def act(request: bytes) -> bytes:
    """Do what the request says."""
    match request:
        case b"crash":
            os.abort()
        case b"spin":
            while True:
                pass
        case b"devour":
            return bytes(2**30)
        case b"environment":
            return "\n".join(os.environ).encode()
        case b"lie":
            os.write(1, b"\xff" * 99)
        case b"refuse":
            raise RefusedError("no, nö")
    return request[::-1]


if __name__ == "__main__":
    serve(act, Limits(seconds=0, memory=512 * 2**20))
