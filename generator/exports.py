"""Exports: many icons of a bundle in their own size, as training data, with a manifest of their origin."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from generator.card import license_text
from generator.folders import require_empty, write_file, writing
from generator.pictures import png
from generator.seeds import SEED_LIMIT
from generator.studio import Studio

MANIFEST, LICENSE = "manifest.json", "LICENSE"
CHUNK = 256
"""Icons that are drawn and written at a time."""


def export(
    studio: Studio,
    folder: Path,
    first: int,
    count: int,
    truncation: float,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Write the icons of `count` seeds from `first` on as PNG files, the set's license, and at last the manifest.

    The folder can be trained on as it is. The same bundle and options give the same files; within 1/255 on other
    machines. `progress` is told how many icons there are so far. Raises OSError, also for a folder that is not empty.
    """
    require_empty(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model = studio.bundle
    data = model.card.data
    with writing(folder / LICENSE):
        (folder / LICENSE).write_text(license_text(data.license, data.author), encoding="utf-8")
    digits = len(str(count))
    files: list[dict[str, object]] = []

    def write(number: int, seed: int, icon: Image.Image) -> dict[str, object]:
        content = png(icon, {"Seed": str(seed), "Model": model.digest})
        name = f"{number:0{digits}}-seed-{seed}.png"
        with writing(folder / name):
            (folder / name).write_bytes(content)
        return {"name": name, "seed": seed, "sha256": hashlib.sha256(content).hexdigest()}

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow lets other threads run while it packs
        for start in range(0, count, CHUNK):
            seeds = [(first + i) % SEED_LIMIT for i in range(start, min(start + CHUNK, count))]
            files += pool.map(write, itertools.count(start + 1), seeds, studio.draw(seeds, truncation))
            progress(len(files))
    manifest = {
        "bundle": model.digest,
        "data": data.model_dump(),
        "license": data.license,
        "truncation": truncation,
        "image_size": model.image_size,
        "background": model.card.background,
        "files": files,
    }
    write_file(folder / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())  # whole, or not there
