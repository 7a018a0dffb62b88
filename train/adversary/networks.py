"""From a recipe to its two networks, as they are trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import nn

from generator.networks import GeneratorConfig, build_generator
from generator.networks.dcgan import DcganConfig
from generator.networks.dense import DenseConfig
from generator.networks.pgan import PganConfig, PganGenerator
from generator.networks.plain import PlainConfig
from generator.networks.sagan import SaganGenerator
from train.adversary.discriminators import PlainDiscriminator, SaganDiscriminator, spectrally_normalized
from train.adversary.equalized import equalize
from train.adversary.forebears import DcganDiscriminator, DenseDiscriminator, Dropout, PganDiscriminator
from train.adversary.growth import GrowingDiscriminator, GrowingGenerator
from train.adversary.recipes import Recipe

_Network = TypeVar("_Network", bound=nn.Module)


def generator_of(recipe: Recipe, config: GeneratorConfig) -> nn.Module:
    """A recipe's generator, growing where it says so, with the plain weights that a bundle has."""
    network = build_generator(config)
    return (
        GrowingGenerator(network) if recipe.growth and isinstance(network, SaganGenerator | PganGenerator) else network
    )


def parametrized(generator: nn.Module, recipe: Recipe) -> nn.Module:
    """The same generator with what its weights go through in training, in place."""
    if recipe.normalize_generator:
        spectrally_normalized(generator, nn.ConvTranspose2d)  # the original leaves its attention free
    return equalize(generator) if recipe.equalize else generator


def discriminator_of(recipe: Recipe, config: GeneratorConfig) -> nn.Module:
    """A recipe's discriminator for a generator's config."""
    if isinstance(config, PlainConfig):
        return PlainDiscriminator(config)
    if isinstance(config, DenseConfig):
        return DenseDiscriminator(config)
    if isinstance(config, DcganConfig):
        return DcganDiscriminator(config)
    network: PganDiscriminator | SaganDiscriminator
    if isinstance(config, PganConfig):
        network = PganDiscriminator(config)
    else:
        network = SaganDiscriminator(
            config,
            minibatch_stddev=recipe.minibatch_stddev,
            attention=recipe.discriminator_attention,
            coarse=recipe.coarse_discriminator,
        )
    whole = GrowingDiscriminator(network, config) if recipe.growth else network
    return equalize(whole) if recipe.equalize else whole


def inner(network: nn.Module) -> nn.Module:
    """The network that a bundle holds."""
    return network.network if isinstance(network, GrowingGenerator) else network


def take_chances(network: nn.Module, rng: torch.Generator) -> None:
    """Let what is random in a network draw from the random numbers of the training."""
    for module in network.modules():
        if isinstance(module, Dropout):
            module.rng = rng


def laid_out(network: _Network, device: torch.device) -> _Network:
    """Move a network to the device with channels last, the faster layout for convolutions there and on the CPU."""
    network.to(device)
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def room(tensors: Mapping[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """Of tensors named `room/tensor`, those of one room, without its name."""
    return {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}


def shapes(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Size]:
    """The shape of each."""
    return {name: value.shape for name, value in tensors.items()}


def restore(rng: torch.Generator, state: torch.Tensor, steps: int) -> None:
    """Go on with the random numbers of a saved state; another kind of device has other ones, which `steps` begin."""
    if state.shape == rng.get_state().shape:
        rng.set_state(state)
    else:
        rng.manual_seed(steps)
