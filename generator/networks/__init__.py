"""The architectures that a bundle can name, and the one place that builds them."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TypeAlias

from torch import nn

from generator.networks.dcgan import DcganConfig, DcganGenerator
from generator.networks.decoder import DecoderConfig, DecoderGenerator
from generator.networks.dense import DenseConfig, DenseGenerator
from generator.networks.pgan import PganConfig, PganGenerator
from generator.networks.plain import PlainConfig, PlainGenerator
from generator.networks.sagan import SaganConfig, SaganGenerator

Option: TypeAlias = int | float | bool | str
GeneratorConfig: TypeAlias = SaganConfig | PlainConfig | DenseConfig | DcganConfig | DecoderConfig | PganConfig


ARCHITECTURES: dict[str, tuple[type[GeneratorConfig], type[nn.Module]]] = {
    "sagan": (SaganConfig, SaganGenerator),
    "plain": (PlainConfig, PlainGenerator),
    "dense": (DenseConfig, DenseGenerator),
    "dcgan": (DcganConfig, DcganGenerator),
    "decoder": (DecoderConfig, DecoderGenerator),
    "pgan": (PganConfig, PganGenerator),
}


def read_config(architecture: str, options: dict[str, Option]) -> GeneratorConfig:
    """Turn a card's architecture name and options into a checked config.

    Raises ValueError, with a sentence, for an unknown architecture, a wrong option, or a size out of bounds.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(f"the architecture {architecture!r} is unknown (known: {', '.join(ARCHITECTURES)})")
    config_class = ARCHITECTURES[architecture][0]
    expected = asdict(config_class())
    unknown = sorted(set(options) - set(expected))
    missing = sorted(set(expected) - set(options))
    if unknown or missing:
        raise ValueError(f"the network's options do not fit {architecture!r}: {', '.join(unknown + missing)}")
    for field in fields(config_class):
        if type(options[field.name]) is not type(expected[field.name]):
            raise ValueError(f"the network's option {field.name!r} is not of the type {field.type}")
    return config_class(**options)  # type: ignore[arg-type]  # checked just above


def build_generator(config: GeneratorConfig) -> nn.Module:
    """Build a generator with fresh weights: latents `(N, z)` -> icons `(N, channels, size, size)` in [-1, 1]."""
    return ARCHITECTURES[config.architecture][1](config)
