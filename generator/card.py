"""What a bundle says of itself: the model, its figures, and what it was trained on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from generator.sheets import MAX_SHEET_ICONS

_PLAIN = r"^[^\x00-\x1f\x7f-\x9f]*$"  # no control characters: these texts reach terminals and chats


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Figure(_Section):
    """A metric of the model, beside the same metric between two halves of the training icons."""

    value: float
    real: float


class DataSet(_Section):
    """What a model was trained on."""

    name: str = Field(max_length=300, pattern=_PLAIN)
    count: int = Field(ge=1)
    """Icons trained on."""
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the whole set: the icons trained on and those held out."""
    license: str = Field(max_length=1000, pattern=_PLAIN)
    author: str = Field(default="", max_length=1000, pattern=_PLAIN)
    """Who drew the icons, with an address, as their license may ask for; empty where no source says it."""
    held_out: int = Field(default=0, ge=0)
    """Icons of the set that training never saw and the figures are taken against; 0 in cards of older versions."""

    @property
    def credit(self) -> str:
        """License and author in one line."""
        return f"{self.license}, by {self.author}" if self.author else self.license


AUTHOR = "Author: "


def license_text(license_: str, author: str) -> str:
    """What stands in the file LICENSE beside icons: the license, and a line for the author where one is known."""
    return f"{license_}\n" + (f"{AUTHOR}{author}\n" if author else "")


class Card(_Section):
    """A bundle's description of itself, `card.json`."""

    format_version: int
    architecture: str
    network: dict[str, StrictBool | StrictInt | StrictFloat | StrictStr]
    kimg: float = Field(ge=0)
    metrics: dict[Annotated[str, Field(max_length=40, pattern=_PLAIN)], Figure] = Field(max_length=64)
    data: DataSet
    sheet_icons: int = Field(ge=1, le=MAX_SHEET_ICONS)
    """Icons in `icons.png` that were trained on, and rows of the descriptors."""
    sheet_held_out: int = Field(default=0, ge=0, le=MAX_SHEET_ICONS)
    """Icons after them in `icons.png`, those held out: whoever trains on the set again needs them, too."""
    encoder: str = Field(default="", max_length=64, pattern=_PLAIN)
    """SHA-256 of the encoder that gave the features; empty: there are none."""
    preset: str = Field(max_length=100, pattern=_PLAIN)
    background: str = Field(pattern=r"^(#[0-9a-f]{6}|transparent)$")
    """What stands behind the icons; transparent: they are RGBA, premultiplied in the network, straight in the PNGs."""
    threshold: Annotated[float, Field(gt=0, le=1)] | Literal["otsu"] | None = None
    """What made the icons black and white (generator/gray.py); None: nothing, as in cards of older versions."""
    truncation: float = Field(gt=0, le=1)
    """The truncation when nothing else is asked for; 1 is as in training."""
    plainest: int | None = Field(default=None, ge=0, lt=2**63)
    """The seed of the plainest icon, which a low wildness leads to; None in cards of older versions."""
    started_from: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """Digest of the bundle whose generator training began with; empty: none."""
    created: str = Field(max_length=40, pattern=_PLAIN)
    """UTC, ISO 8601."""
    code_version: str = Field(max_length=100, pattern=_PLAIN)
    files: dict[str, str]
    """SHA-256 of every other file, by name."""
