"""Writes a bundle: beside its place, flushed, swapped in, and read back as a stranger's would be."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save as save_tensors

from generator.card import Card, DataSet, Figure
from generator.checkpoint import Bundle, check_weights, read_bundle, read_tensors
from generator.files import CARD, DISCRIMINATOR, FORMAT_VERSION, GENERATOR, ICONS, NEIGHBORS, SAMPLES
from generator.folders import swap_in_folder
from generator.gray import Threshold
from generator.networks import GeneratorConfig


@dataclass(frozen=True)
class Description:
    """What the writer of a bundle says of it; the rest of the card is measured."""

    kimg: float
    metrics: Mapping[str, Figure]
    data: DataSet
    preset: str
    background: str
    created: str
    code_version: str
    truncation: float = 1.0
    encoder: str = ""
    started_from: str = ""
    plainest: int | None = None
    threshold: Threshold = None


def write_bundle(
    path: Path,
    description: Description,
    *,
    config: GeneratorConfig,
    weights: Mapping[str, torch.Tensor],
    descriptors: torch.Tensor,
    sheet: bytes,
    samples: bytes,
    held_out: int = 0,
    features: torch.Tensor | None = None,
    fresh: torch.Tensor | None = None,
    discriminator: Mapping[str, torch.Tensor] | None = None,
) -> Bundle:
    """Write a bundle beside its place, flush it, swap it in, and read it back.

    `descriptors`: `(N, D)`, N at most MAX_SHEET_ICONS; `sheet`: the same icons and then `held_out` others, from
    `draw_sheet`; `samples`: a PNG;
    `features` and `fresh`: as in Bundle, both or none, with the encoder in the description; `discriminator`: what a
    training may take over, too, left out where its numbers need more than 16 bits.
    A bundle that stands at `path` is replaced, as `swap_in_folder` does it.
    Raises BundleError when the weights are not finite or do not fit the config, before anything is written.
    """
    neighbors = {"descriptors": descriptors.to(torch.float16).cpu().contiguous()}
    if features is not None and fresh is not None:
        neighbors |= {"features": features.to(torch.float16).contiguous(), "fresh": fresh.float().contiguous()}
    contents = {
        GENERATOR: save_tensors({name: value.float().cpu().contiguous() for name, value in weights.items()}),
        NEIGHBORS: save_tensors(neighbors),
        ICONS: sheet,
        SAMPLES: samples,
    }
    halves = {name: value.to(torch.float16).cpu().contiguous() for name, value in (discriminator or {}).items()}
    if halves and all(bool(value.isfinite().all()) for value in halves.values()):
        contents[DISCRIMINATOR] = save_tensors(halves)
    check_weights(path / GENERATOR, read_tensors(path / GENERATOR, contents[GENERATOR]), config)
    card = Card(
        format_version=FORMAT_VERSION,
        architecture=config.architecture,
        network=asdict(config),
        kimg=description.kimg,
        metrics=dict(description.metrics),
        data=description.data,
        sheet_icons=len(descriptors),
        sheet_held_out=held_out,
        preset=description.preset,
        background=description.background,
        threshold=description.threshold,
        truncation=description.truncation,
        plainest=description.plainest,
        encoder=description.encoder,
        started_from=description.started_from,
        created=description.created,
        code_version=description.code_version,
        files={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    )
    contents[CARD] = (card.model_dump_json(indent=2) + "\n").encode()
    swap_in_folder(path, contents)
    return read_bundle(path)


def copy_bundle(source: Path, target: Path) -> None:
    """Put a bundle that was read or written just now in the place of another. Raises OSError."""
    swap_in_folder(target, {file.name: file.read_bytes() for file in source.iterdir()})
