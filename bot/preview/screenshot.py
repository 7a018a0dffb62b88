"""The README's pictures, made by the project itself: a headless Chromium types into the page as a person would.

python -m bot preview --screenshot docs
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from bot.app import StartError
from bot.preview.page import open_preview
from bot.settings import Settings
from generator.pictures import png

WIDTH, HEIGHT = 1000, 960
"""Pixels of the page; narrower, its toolbar would break into lines."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Programs that can draw the page, the first that is installed is taken."""

PATIENCE, LOOKS = 10_000, 60
"""Milliseconds that the page may take for anything, and how often it is looked at: a training takes minutes."""


GOOD_SEEDS = (85, 11, 99, 107)
"""Of the model that ships, picked from the first 128."""


@dataclass(frozen=True)
class Shot:
    """A picture: what is typed, each line with words of its answer to wait for. The last answer is what it shows."""

    name: str
    lines: tuple[tuple[str, str], ...]
    whole_page: bool = False
    side_by_side: bool = False
    """It shows all answers, in pairs, at half their size."""


SHOTS = (
    Shot("preview", (("/icon seed:42", "Seed 42"),), whole_page=True),
    Shot("neighbors", (("/neighbors seed:42", "training icons most like it"),)),
    Shot(
        "daily",
        (
            ("/daily set channel:#icons time:9:00 zone:Berlin count:4", "Next post:"),
            ("/daily test channel:icons", "Icons of the day"),
        ),
    ),
    Shot("retrain", (("/retrain kimg:0.3", "shall it take over?"),)),
    Shot("cards", tuple((f"/icon seed:{seed}", f"Seed {seed}") for seed in GOOD_SEEDS), side_by_side=True),
)


async def take_screenshots(settings: Settings, folder: Path) -> None:
    """Start a preview, type the commands of SHOTS into its page, and write what it answers as PNG files.

    Raises StartError, with a sentence, where a part for it is not installed, and what `open_preview` raises.
    """
    try:
        from playwright import async_api
    except ImportError as error:
        raise StartError("Screenshots need Playwright: run python -m pip install 'mojigan[screenshot]'.") from error
    browser_file = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_file is None:
        raise StartError("Screenshots need Chromium: install it (on Debian: apt install chromium).")
    if not await asyncio.to_thread(folder.is_dir):
        raise StartError(f"{folder}: there is no such folder to write the pictures to.")
    async with open_preview(settings) as preview, async_api.async_playwright() as playwright:
        try:
            # In a container Chromium runs as root, where its sandbox cannot work; the page is our own.
            sandboxed = sys.platform == "win32" or os.geteuid() != 0
            browser = await playwright.chromium.launch(executable_path=browser_file, chromium_sandbox=sandboxed)
            page = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce")
            page.set_default_timeout(PATIENCE)
            await page.goto(preview.url)
            for shot in SHOTS:
                taken: list[bytes] = []
                for typed, words in shot.lines:
                    box = page.get_by_role("textbox", name="Message", exact=True)
                    await box.press_sequentially(typed)
                    await page.keyboard.press("Enter")
                    answer = page.locator(".channel-message", has_text=words).last
                    for _ in range(LOOKS):
                        try:
                            await answer.wait_for()
                            break
                        except async_api.TimeoutError:
                            if await box.count() and await box.input_value() == typed:  # a busy page has missed Enter
                                await box.press("Enter")
                            else:  # it does not follow by itself what the bot does later
                                await page.get_by_role("button", name="Refresh preview").click()
                    if shot.side_by_side or (typed, words) == shot.lines[-1]:
                        img = answer.get_by_role("img", name=re.compile("icons?", re.IGNORECASE)).first
                        arrived = "picture => picture.complete && picture.naturalWidth > 0"
                        await page.wait_for_function(arrived, arg=await img.element_handle())
                        taken.append(await (page if shot.whole_page else answer).screenshot())
                (folder / f"{shot.name}.png").write_bytes(_in_pairs(taken) if shot.side_by_side else taken[0])
            await browser.close()
        except async_api.Error as error:
            raise StartError(f"Chromium could not take the pictures: {error.message.splitlines()[0]}") from error


def _in_pairs(taken: Sequence[bytes]) -> bytes:
    """Pictures in PNG as one, two in a row, at half their size, on the ground of the first one's corner."""
    pictures = [Image.open(io.BytesIO(content)).convert("RGB").reduce(2) for content in taken]
    width, height = (max(edges) for edges in zip(*(picture.size for picture in pictures), strict=True))
    sheet = Image.new("RGB", (2 * width, -(-len(pictures) // 2) * height), pictures[0].getpixel((0, 0)))
    for place, picture in enumerate(pictures):
        sheet.paste(picture, (place % 2 * width, place // 2 * height))
    return png(sheet)
