"""Growing resolution: when a size begins, and that it begins where the one below ended."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from generator.networks.sagan import SaganConfig
from train.adversary.growth import GrowingDiscriminator, GrowingGenerator, Stage, stage_at
from train.adversary.recipes import PRESETS
from train.adversary.trainer import Trainer


def test_a_run_grows_from_16_to_its_full_size() -> None:
    stages = [stage_at(progress / 100, 0.4, 64) for progress in range(100)]
    assert [stage.resolution for stage in stages] == [16] * 20 + [32] * 20 + [64] * 60
    assert [stages[place].blend for place in (0, 20, 25, 30, 39, 40, 45, 50, 99)] == pytest.approx(
        [1, 0, 0.5, 1, 1, 0, 0.5, 1, 1]
    )
    assert stage_at(0, 0, 64) == stage_at(1, 0.4, 64) == Stage(64)
    assert stage_at(0, 0.4, 32) == Stage(16)


def test_networks_that_grow_begin_a_size_where_the_one_below_ended(drawn_icons: NDArray[np.uint8]) -> None:
    recipe = replace(PRESETS["sagan"], batch=4, growth=0.8)
    config = SaganConfig(latent_size=8, width=8)
    trainer = Trainer(recipe, config, drawn_icons, background=(255, 255, 255), device=torch.device("cpu"), seed=0)
    assert (trainer.is_grown, trainer.preview()(torch.randn(2, 8)).shape[-1]) == (False, 16)
    latents, icons = torch.randn(2, 8), torch.randn(2, 3, 32, 32)
    generator, discriminator = trainer.generator.eval(), trainer.discriminator.eval()
    assert isinstance(generator, GrowingGenerator)
    assert isinstance(discriminator, GrowingDiscriminator)
    cases: tuple[tuple[GrowingGenerator | GrowingDiscriminator, torch.Tensor, torch.Tensor], ...] = (
        (generator, latents, latents),
        (discriminator, functional.avg_pool2d(icons, 2), icons),
    )
    with torch.no_grad():
        for network, old, new in cases:
            network.stage = Stage(16)
            before = network(old)
            network.stage = Stage(32, 0.0)
            after = network(new)
            pooled = functional.avg_pool2d(after, 2) if after.ndim == 4 else after
            assert torch.allclose(pooled, before, atol=1e-5)
    trainer.step(0.99)
    assert trainer.is_grown
