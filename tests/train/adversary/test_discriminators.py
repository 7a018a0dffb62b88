"""The discriminators: whose statistics they see, and what the coarse one sees."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from generator.networks.plain import PlainConfig
from generator.networks.sagan import SaganConfig
from train.adversary.discriminators import PlainDiscriminator, SaganDiscriminator


@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("size", [28, 32, 64, 128])
def test_discriminator_statistics_stay_within_their_half(size: int, coarse: bool) -> None:
    torch.manual_seed(0)
    discriminator = SaganDiscriminator(SaganConfig(image_size=size, width=8), coarse=coarse).eval()
    real, fake = torch.randn(4, 3, size, size), torch.randn(4, 3, size, size) * 3
    both = discriminator(torch.cat([real, fake]), groups=2)
    assert both.shape == (8,)
    assert torch.allclose(both[:4], discriminator(real), atol=1e-5)
    assert not torch.allclose(discriminator(torch.cat([real, fake]))[:4], both[:4], atol=1e-5)


def test_the_coarse_discriminator_sees_what_16x16_shows_and_nothing_finer() -> None:
    torch.manual_seed(0)
    discriminator = SaganDiscriminator(SaganConfig(width=8), coarse=True).eval()
    icons, stripes = torch.randn(2, 3, 64, 64) / 4, torch.tensor([0.5, -0.5]).repeat(32)
    discriminator.head.conv = nn.Conv2d(65, 1, 4, bias=False)
    with torch.no_grad():
        discriminator.head.conv.weight.zero_()
        seen = discriminator(icons)
        assert torch.allclose(discriminator(icons + stripes), seen, atol=1e-5)
        assert not torch.allclose(discriminator(icons + 0.5), seen, atol=1e-2)


def test_the_plain_discriminator_scores() -> None:
    assert PlainDiscriminator(PlainConfig(width=8))(torch.randn(3, 3, 64, 64)).shape == (3,)
