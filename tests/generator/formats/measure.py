"""Writes down anew what Chromium shows of each sample: `python -m tests.generator.formats.measure`.

Chromium decodes into a canvas in sRGB; five pixels are read from it. The tests need only what is written down.
"""

import base64
import html
import json
import re
import subprocess
import tempfile
from pathlib import Path

from tests.generator.formats.samples import samples

SHOWN = Path(__file__).with_name("chromium.json")
PLACES = ((0.5, 0.5), (0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))
"""Where the pixels are, as shares of width and height, rounded down."""

_TYPES = {"ico": "x-icon", "cur": "x-icon", "jpg": "jpeg"}
_SCRIPT = """<script>
addEventListener("load", () => {
  const shown = {}
  for (const image of document.images) {
    const [width, height] = [image.naturalWidth, image.naturalHeight]
    const canvas = Object.assign(document.createElement("canvas"), {width, height})
    const context = canvas.getContext("2d", {colorSpace: "srgb"})
    context.drawImage(image, 0, 0)
    const pixel = ([x, y]) => [...context.getImageData(Math.floor(width * x), Math.floor(height * y), 1, 1).data]
    shown[image.alt] = [[width, height], ...PLACES.map(pixel)]
  }
  document.querySelector("pre").textContent = JSON.stringify(shown)
})
</script>"""


def measure(files: dict[str, bytes]) -> dict[str, list[list[int]]]:
    """Width and height, then the pixels at PLACES (red, green, blue, opacity), of each file "format: what it is"."""
    images = ""
    for name, data in files.items():
        kind = name.partition(":")[0]
        source = f"data:image/{_TYPES.get(kind, kind)};base64,{base64.b64encode(data).decode()}"
        images += f'<img alt="{html.escape(name)}" src="{source}">'
    script = _SCRIPT.replace("PLACES", json.dumps(PLACES))
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(f'<!doctype html><meta charset="utf-8"><pre></pre>{images}{script}', encoding="utf-8")
        options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--force-color-profile=srgb")
        command = ("chromium", *options, f"--user-data-dir={folder}/user", "--dump-dom", page.as_uri())
        found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    text = re.search("<pre>(.+?)</pre>", found, re.DOTALL)
    assert text is not None, found[:500]
    shown: dict[str, list[list[int]]] = json.loads(html.unescape(text[1]))
    return shown


if __name__ == "__main__":
    lines = (f"  {json.dumps(name)}: {json.dumps(shown)}" for name, shown in measure(samples()).items())
    SHOWN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
