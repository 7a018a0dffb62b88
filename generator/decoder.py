"""Decodes pictures from people in a process of its own: few formats, and as many pixels as icons are made of.

A request is a line of JSON, then the file. An answer is the icon's pixels, or the cause of a refusal and its reason.
"""

from __future__ import annotations

import json
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image, features

from generator.decode import Cause, Color, DecodeError, decode
from generator.fence import EndedError, Fence, Limits, RefusedError, serve, without_files
from generator.gray import Threshold

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", *(("AVIF",) if features.check("avif") else ()))
PIXEL_LIMIT = 4096 * 4096
LIMITS = Limits(seconds=5, memory=640 * 2**20)
"""The largest picture that is taken needs 2 seconds and 460 MiB."""


class Decoder:
    """Decodes while entered; may be called from any thread, one picture after the other."""

    def __init__(self) -> None:
        self._fence = Fence(__name__)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._fence.close()

    def decode(
        self, data: bytes, *, size: int, background: Color, name: str, threshold: Threshold = None
    ) -> NDArray[np.uint8]:
        """The pixels that `decode` makes of a file, (size, size, channels of the background) uint8. Blocking.

        Raises DecodeError.
        """
        head = json.dumps({"size": size, "background": background, "threshold": threshold}).encode()
        try:
            answer = self._fence.ask(head + b"\n" + data)
        except RefusedError as error:
            cause, _, reason = str(error).partition("\n")
            known = cause in set(Cause)
            raise DecodeError(name, reason or cause, Cause(cause) if known else Cause.DAMAGED) from None
        except EndedError as error:
            if error.slow:
                raise DecodeError(name, f"takes longer than {LIMITS.seconds} seconds to read", Cause.TIME) from None
            raise DecodeError(name, "ends the process that reads it", Cause.MEMORY) from None
        shape = (size, size, len(background))
        if len(answer) != size * size * len(background):
            raise DecodeError(name, "is not read as an icon")
        return np.frombuffer(answer, np.uint8).reshape(shape)


def _answer(request: bytes) -> bytes:
    head, _, data = request.partition(b"\n")
    asked = json.loads(head)
    try:
        with without_files():
            return decode(
                data,
                size=asked["size"],
                background=tuple(asked["background"]),
                threshold=asked["threshold"],
                formats=FORMATS,
                pixel_limit=PIXEL_LIMIT,
            ).pixels.tobytes()
    except DecodeError as error:
        raise RefusedError(f"{error.cause}\n{error.reason}") from None


if __name__ == "__main__":
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    Image.init()  # what Pillow would import on the way, when nothing can be opened any more
    serve(_answer, LIMITS)
