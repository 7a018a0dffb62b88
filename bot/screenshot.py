"""The README's picture, made by the project itself: a headless Chromium types into the page as a person would.

python -m bot preview --screenshot docs/preview.png
"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from bot.app import StartError
from bot.preview import open_preview
from bot.settings import Settings

SEED = "42"
WIDTH, HEIGHT = 1000, 960
"""Pixels of the picture; narrower, the toolbar of the page would break into lines."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Programs that can draw the page, the first that is installed is taken."""

PATIENCE = 60_000
"""Milliseconds that the page may take for anything."""


async def take_screenshot(settings: Settings, file: Path) -> None:
    """Start a preview, ask for `/icon seed:42` in its page, and write what it shows as a PNG.

    Raises StartError, with a sentence, where a part for it is not installed, and what `open_preview` raises.
    """
    try:
        from playwright.async_api import Error, async_playwright
    except ImportError as error:
        raise StartError("Screenshots need Playwright: run python -m pip install 'mojigan[screenshot]'.") from error
    browser_file = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_file is None:
        raise StartError("Screenshots need Chromium: install it (on Debian: apt install chromium).")
    if not await asyncio.to_thread(file.parent.is_dir):
        raise StartError(f"{file}: there is no folder {file.parent} to write it to.")
    async with open_preview(settings) as preview, async_playwright() as playwright:
        try:
            # In a container Chromium runs as root, where its sandbox cannot work; the page is our own.
            browser = await playwright.chromium.launch(executable_path=browser_file, chromium_sandbox=os.geteuid() != 0)
            page = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce")
            page.set_default_timeout(PATIENCE)
            await page.goto(preview.url)
            await page.get_by_role("textbox", name="Message", exact=True).press_sequentially(f"/icon seed:{SEED}")
            await page.keyboard.press("Enter")
            picture = await page.get_by_role("img", name=f"Generated icon, seed {SEED}").element_handle()
            await page.wait_for_function("picture => picture.complete && picture.naturalWidth > 0", arg=picture)
            await page.screenshot(path=file)
            await browser.close()
        except Error as error:
            raise StartError(f"Chromium could not take the picture: {error.message.splitlines()[0]}") from error
