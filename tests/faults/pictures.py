"""Sends a bot a hundred hostile pictures at once, and asks it for icons meanwhile.

    python -m tests.faults.pictures --times 100

Files of a few kilobytes that take gigabytes, files that take minutes, files that are torn: each from another person.
How long an icon takes then, what each file came to, and how much memory the bot's process has grown by; the code is 1
when an icon took a second or longer, or the memory grew by more than 200 MiB.
"""

from __future__ import annotations

import asyncio
import io
import struct
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from bot.app import open_services
from bot.icons.rows import Origin
from bot.icons.service import IconService
from bot.neighbors.service import NeighborService
from bot.settings import DEFAULT_BUNDLE, Settings
from generator.seeds import Seed
from tests.faults.findings import Finding, alone
from tests.memory import resident

SLOWEST, MOST_MEMORY = 1.0, 200
"""The bars: seconds that an icon may take, MiB that the process may grow by."""


def saved(image: Image.Image, format_: str, **options: object) -> bytes:
    """A picture as a file."""
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """A part of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def many_frames() -> bytes:
    """A TIFF of 10 MiB whose frames take a quadratic time to be counted."""
    count, head = 85_000, struct.pack("<2sHI", b"II", 42, 8)
    entries = [(256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 1)]
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    size = 2 + len(body) + 4
    frames = (struct.pack("<H", len(entries)) + body + struct.pack("<I", 8 + size * (n + 1)) for n in range(count))
    return head + b"".join(frames)


def noise(edge: int) -> Image.Image:
    """A picture that takes as long to decode as any of its size."""
    return Image.merge("RGBA", [Image.effect_noise((edge, edge), 80)] * 4)


def hostile() -> dict[str, bytes]:
    """The files by their names."""
    deep = Image.fromarray(np.zeros((8000, 8000), np.uint16))
    largest = saved(noise(1500), "PNG", compress_level=0)
    return {
        "frames.tiff": many_frames(),
        "float.tiff": saved(Image.fromarray(np.zeros((6000, 6000), np.float32)), "TIFF", compression="tiff_deflate"),
        "deep.png": saved(deep, "PNG"),
        "bomb.png": saved(Image.new("L", (4096, 4096)), "PNG"),
        "text.png": largest[:33] + chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**30), 9)) + largest[33:],
        "large.png": largest,
        "flat.webp": saved(Image.new("RGBA", (4096, 4096), (1, 2, 3, 4)), "WEBP", lossless=True),
        "noise.avif": saved(noise(2500), "AVIF", speed=10, quality=60),
        "small.jp2": saved(Image.new("RGB", (8000, 8000)), "JPEG2000"),
        "torn.png": largest[: len(largest) // 2],
    }


async def try_them(times: int) -> tuple[Counter[str], Finding]:
    """Send the files, at once: what each came to, and whether both bars held."""
    files = list((await asyncio.to_thread(hostile)).items())
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        settings = Settings(database_url=f"sqlite:///{data}/mojigan.db", data=data, bundle=DEFAULT_BUNDLE, device="cpu")
        async with open_services(settings) as services:
            icons, neighbors = services.get(IconService), services.get(NeighborService)
            ends, slowest, most = Counter[str](), 0.0, 0.0

            async def send(number: int) -> None:
                name, content = files[number % len(files)]

                async def fetch() -> bytes:
                    return bytes(bytearray(content))  # as Discord hands them out: new ones

                while True:
                    try:
                        await neighbors.of_picture(fetch, name, where=Origin(None, None, number))
                        ends[f"{name}: compared"] += 1
                    except Exception as error:
                        if type(error).__name__ == "PicturesWaitError":  # the person presses again
                            await asyncio.sleep(0.1)
                            continue
                        ends[f"{name}: {error}"] += 1
                    return

            async def draw(number: int) -> None:
                await icons.draw(Seed.parse(str(number)), 1, where=Origin(None, 1, 1))

            await draw(0)
            before = resident()
            sending = asyncio.gather(*(send(number) for number in range(times)))
            drawn, began = 0, time.monotonic()
            while not sending.done():
                at = time.monotonic()
                await draw(drawn)
                slowest, most, drawn = max(slowest, time.monotonic() - at), max(most, resident()), drawn + 1
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(sending), 0.05)
            told = (
                f"all in {time.monotonic() - began:.0f} s, the slowest in {slowest:.2f} s (bar {SLOWEST:g} s); "
                f"memory + {most - before:.0f} MiB (bar {MOST_MEMORY} MiB)"
            )
            holds = slowest < SLOWEST and most - before <= MOST_MEMORY
            return ends, Finding("others ask for icons meanwhile", drawn, told, holds)


def experiment(times: int, seed: int) -> Iterator[Finding]:
    """Send hostile pictures, and count."""
    del seed
    ends, meanwhile = asyncio.run(try_them(times))
    yield Finding(
        "pictures that take gigabytes, minutes, or are torn",
        ends.total(),
        "; ".join(f"{count} x {end}" for end, count in sorted(ends.items())),
        ends.total() == times,
    )
    yield meanwhile


if __name__ == "__main__":
    alone("pictures", experiment, 100)
