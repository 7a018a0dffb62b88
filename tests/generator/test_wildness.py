"""What wildness does to latents."""

from __future__ import annotations

import pytest
import torch

from generator.seeds import latents
from generator.wildness import MOST, TAMED, WILDEST, require_truncation, tame, truncation_of, wildness_of

POINTS = latents(range(20), 64)
PLAINEST = latents([99], 64)[0]


def angles(points: torch.Tensor) -> torch.Tensor:
    return torch.arccos(torch.cosine_similarity(points, PLAINEST[None], dim=1))


def test_as_in_training_nothing_changes() -> None:
    assert torch.equal(tame(POINTS, PLAINEST, 1), POINTS)
    assert torch.equal(tame(POINTS, None, 1), POINTS)


@pytest.mark.parametrize("wildness", [0, 50, 150])
def test_latents_turn_and_keep_their_length(wildness: int) -> None:
    turned = tame(POINTS, PLAINEST, truncation_of(wildness))
    torch.testing.assert_close(turned.norm(dim=1), POINTS.norm(dim=1))
    torch.testing.assert_close(angles(turned), angles(POINTS) * (1 - (100 - wildness) / 100 * TAMED), rtol=1e-3, atol=0)


def test_the_plainest_icon_stays_what_it_is() -> None:
    for wildness in (0, 150):
        torch.testing.assert_close(tame(PLAINEST[None], PLAINEST, truncation_of(wildness))[0], PLAINEST)


def test_without_a_plainest_icon_latents_are_scaled() -> None:
    assert torch.equal(tame(POINTS, None, 0.7), POINTS * 0.7)


def test_the_ends() -> None:
    assert truncation_of(WILDEST) == MOST
    assert wildness_of(MOST) == WILDEST
    for wrong in (-1, WILDEST + 1):
        with pytest.raises(ValueError, match="wildness"):
            truncation_of(wrong)
    for truncation in (0, -1, MOST + 0.01, float("nan")):
        with pytest.raises(ValueError, match="truncation"):
            require_truncation(truncation)
