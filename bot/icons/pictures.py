"""Pictures from people: a few at a time, decoded in a process of their own, so that none holds anybody up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

from PIL import Image

from bot.talk.refusals import ServiceError
from generator.checkpoint import Bundle
from generator.decoder import Decoder
from generator.transparency import as_image

AT_ONCE = 3
"""Pictures in memory; one of them is decoded."""
LONGEST_LINE, LONGEST_OF_ONE = 20, 2
"""Pictures of everybody, and of one person, that may wait or be in hand."""


class PicturesWaitError(ServiceError):
    """Too many pictures wait. No parameters."""

    key = "error.pictures_wait"


class OwnPicturesWaitError(ServiceError):
    """Too many pictures of this person wait. Parameter: `limit`."""

    key = "error.own_pictures_wait"


class PictureReader:
    """Decodes pictures in the order in which people came."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._thread = ThreadPoolExecutor(1, "pictures")
        self._places = asyncio.Semaphore(AT_ONCE)
        self._line = Counter[int]()

    @asynccontextmanager
    async def turn(self, user_id: int) -> AsyncIterator[None]:
        """Wait for one's turn; only then, a picture is fetched. Raises PicturesWaitError and OwnPicturesWaitError."""
        if self._line[user_id] >= LONGEST_OF_ONE:
            raise OwnPicturesWaitError(f"pictures of {user_id} wait", limit=LONGEST_OF_ONE)
        if self._line.total() >= LONGEST_LINE:
            raise PicturesWaitError("too many pictures wait")
        self._line[user_id] += 1
        try:
            async with self._places:
                yield
        finally:
            self._line[user_id] -= 1
            self._line += Counter()  # forget who has none

    async def decode(self, data: bytes, *, like: Bundle, name: str) -> Image.Image:
        """The icon that a file makes, read as the training icons of a bundle were. Raises DecodeError."""
        work = partial(
            self._decoder.decode,
            data,
            size=like.image_size,
            background=like.background,
            threshold=like.threshold,
            name=name,
        )
        return as_image(await asyncio.get_running_loop().run_in_executor(self._thread, work))

    async def aclose(self) -> None:
        """End the process; a picture in hand is lost."""
        await asyncio.to_thread(self._decoder.close)
