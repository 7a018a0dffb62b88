"""Small Iconify collections, made by hand."""

import json
from pathlib import Path
from typing import Any

COLORS = [f"#{red:02x}{green:02x}40" for red in range(0, 250, 60) for green in range(0, 250, 60)]
INFO = {"name": "Tiny", "author": {"name": "Ann", "url": "https://example.org/ann"}, "license": {"title": "CC BY 4.0"}}


def body(color: str) -> str:
    return f'<rect width="16" height="16" fill="{color}"/>'


def collection(**more: Any) -> dict[str, Any]:
    """Twenty-five icons of one color each: `icon-0` to `icon-24`."""
    icons = {f"icon-{number}": {"body": body(color)} for number, color in enumerate(COLORS)}
    return {"prefix": "tiny", "icons": icons} | more


def write_package(folder: Path, icons: dict[str, Any], **others: Any) -> Path:
    """Write a package's folder; `info={...}` becomes its `info.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {"icons": icons, **others}.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
