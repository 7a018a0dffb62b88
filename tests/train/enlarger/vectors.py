"""Vector icons to train an enlarger on."""

import random
from pathlib import Path


def write_vectors(folder: Path, count: int) -> Path:
    """A folder of SVG files, each of a few shapes on nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        chance = random.Random(number)  # noqa: S311
        shapes = [
            f'<ellipse cx="{chance.randrange(16, 48)}" cy="{chance.randrange(16, 48)}" rx="{chance.randrange(6, 20)}" '
            f'ry="{chance.randrange(6, 20)}" fill="#{chance.randrange(2**24):06x}"/>'
            for _ in range(3)
        ]
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">{"".join(shapes)}</svg>'
        (folder / f"icon-{number:03}.svg").write_text(svg, encoding="utf-8")
    return folder
