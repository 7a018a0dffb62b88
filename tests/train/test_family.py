"""The networks from the autoencoder to SAGAN: their sizes to the parameter, going on bit for bit, drawing."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from generator.card import DataSet
from generator.decode import Color
from generator.networks import build_generator, read_config
from generator.networks.dcgan import DcganConfig
from generator.networks.decoder import DecoderConfig
from generator.networks.dense import DenseConfig
from generator.networks.pgan import PganConfig, PixelNorm
from generator.studio import fold
from train.adversary.equalized import equalize
from train.adversary.forebears import DcganDiscriminator
from train.adversary.growth import first_resolution
from train.adversary.losses import slope_penalty
from train.adversary.networks import discriminator_of, generator_of
from train.adversary.recipes import PRESETS, Recipe
from train.adversary.trainer import Trainer
from train.autoencoders.networks import build_autoencoder, gaussian, reconstruction_loss
from train.autoencoders.trainer import AutoencoderTrainer
from train.doors.options import read_recipe
from train.doors.terminal import UsageError
from train.run.learners import Learner, new_learner
from train.run.setting import Goal, Setting

FOREBEARS = ["pgan", "dcgan", "gan", "autoencoder-conv", "autoencoder-deep", "autoencoder"]
NARROW = {"pgan": 8, "dcgan": 16, "autoencoder-deep": 16}
"""Widths that keep these tests quick."""


@pytest.fixture(scope="module")
def drawings() -> NDArray[np.uint8]:
    """Gray drawings of 28 x 28: a dark ring on white, of some size, somewhere."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:28, :28]
    rings = []
    for _ in range(40):
        (row, column), radius = rng.uniform(11, 17, 2), rng.uniform(5, 10)
        rings.append(255 * np.clip(np.abs(np.hypot(y - row, x - column) - radius) - 1, 0, 1))
    return np.stack(rings).round().astype(np.uint8)[..., None]


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("preset", "expected"), [("autoencoder", 50_992), ("autoencoder-deep", 222_384), ("autoencoder-conv", 4_385)]
)
def test_autoencoders_have_the_parameters_of_the_paper(preset: str, expected: int) -> None:
    assert parameters(build_autoencoder(PRESETS[preset].network(28, 1))) == expected


@pytest.mark.parametrize(("preset", "expected"), [("gan", (50_992, 25_665)), ("dcgan", (1_164_289, 40_705))])
def test_both_networks_have_the_parameters_of_the_paper(preset: str, expected: tuple[int, int]) -> None:
    recipe = PRESETS[preset]
    config = recipe.network(28, 1)
    assert (parameters(generator_of(recipe, config)), parameters(discriminator_of(recipe, config))) == expected


def test_the_convolutional_code_is_eight_maps_of_4x4() -> None:
    network = build_autoencoder(DecoderConfig())
    assert network.encoder(torch.zeros(2, 1, 28, 28)).shape == (2, 8, 4, 4)


@pytest.mark.parametrize("preset", FOREBEARS)
@pytest.mark.parametrize(("size", "channels"), [(28, 1), (32, 3), (64, 4)])
def test_each_network_draws_what_its_config_says(preset: str, size: int, channels: int) -> None:
    recipe = PRESETS[preset]
    config = recipe.network(size, channels)
    network = build_generator(config).eval()
    with torch.no_grad():
        latents = torch.randn(2, config.latent_size)
        icons = network(latents)
        assert icons.shape == (2, channels, size, size)
        assert float(icons.abs().max()) <= 1
        assert torch.allclose(fold(network)(latents), icons, atol=1e-4)
    if recipe.is_autoencoder:
        assert build_autoencoder(config)(icons).shape == icons.shape
    else:
        assert discriminator_of(recipe, config)(icons, 1).shape == (2,)


@pytest.mark.parametrize("config", [DenseConfig(), DcganConfig(), DecoderConfig(), PganConfig()])
def test_a_card_names_the_network_again(config: DenseConfig | DcganConfig | DecoderConfig | PganConfig) -> None:
    assert read_config(config.architecture, asdict(config)) == config


@pytest.mark.parametrize(
    ("preset", "size", "sentence"),
    [
        ("dcgan", 128, "from 16 to 64 in steps of 4"),
        ("gan", 30, "from 16 to 64 in steps of 4"),
        ("autoencoder-conv", 12, "from 16 to 64 in steps of 4"),
        ("pgan", 128, "one of 28, 32, 64"),
    ],
)
def test_a_size_that_a_network_has_not_gets_a_sentence(preset: str, size: int, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        read_recipe(preset, {}, size, 1)


@pytest.mark.parametrize(
    ("preset", "changes", "named"),
    [
        ("gan", {"growth": 0.5}, "growth"),
        ("dcgan", {"minibatch_stddev": True}, "minibatch_stddev"),
        ("autoencoder", {"mirror": True, "guide": 1.0}, "mirror, guide"),
    ],
)
def test_options_that_mean_nothing_to_a_network_get_a_sentence(
    preset: str, changes: dict[str, float], named: str
) -> None:
    with pytest.raises(UsageError, match=f"do not know {named}"):
        read_recipe(preset, changes, 28, 1)


def learner_of(preset: str, icons: NDArray[np.uint8], seed: int = 0) -> Learner:
    recipe = replace(PRESETS[preset], batch=4, precision="float32", width=NARROW.get(preset, PRESETS[preset].width))
    return new_learner(setting_of(recipe, (255,), seed), icons, torch.device("cpu"))


def setting_of(recipe: Recipe, background: Color, seed: int) -> Setting:
    data = DataSet(name="rings", count=40, digest="0" * 64, license="none")
    return Setting(recipe, Goal(kimg=1), data, 28, background, seed, "0")


@pytest.mark.parametrize("preset", FOREBEARS)
def test_each_goes_on_bit_for_bit(drawings: NDArray[np.uint8], preset: str) -> None:
    whole = learner_of(preset, drawings)
    for step in range(6):
        whole.step(step / 6)
    first = learner_of(preset, drawings)
    for step in range(3):
        first.step(step / 6)
    first.snapshot()  # a look at the model in between
    second = learner_of(preset, drawings, seed=99)  # whose own beginning must not matter
    second.load_state(first.state())
    for step in range(3, 6):
        second.step(step / 6)
    expected, found = whole.state(), second.state()
    assert expected.keys() == found.keys()
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []
    begun = learner_of(preset, drawings).state()
    assert not all(torch.equal(expected[name], value) for name, value in begun.items())


def test_an_autoencoder_learns_to_reconstruct(drawings: NDArray[np.uint8]) -> None:
    trainer = learner_of("autoencoder-deep", drawings)
    assert isinstance(trainer, AutoencoderTrainer)

    def error() -> float:
        return float(np.abs(trainer.reconstruct(drawings).astype(float) - drawings).mean())

    before = error()
    for _ in range(150):
        trainer.step(0)
    assert error() < before / 2


def test_an_autoencoder_draws_codes_like_those_of_icons(drawings: NDArray[np.uint8]) -> None:
    """What the generator draws has the mean of the reconstructions, pixel by pixel: the first layer holds the codes."""
    trainer = learner_of("autoencoder", drawings)
    assert isinstance(trainer, AutoencoderTrainer)
    for _ in range(150):
        trainer.step(0)
    with torch.inference_mode():
        drawn = trainer.snapshot()(torch.randn(2048, 32, generator=torch.Generator().manual_seed(0)))
    reconstructed = trainer.reconstruct(drawings).mean(axis=0)[..., 0]
    assert np.abs((drawn.mean(dim=0)[0].numpy() + 1) * 127.5 - reconstructed).mean() < 12


def test_a_gaussian_has_the_mean_and_the_covariance_of_the_codes() -> None:
    codes = torch.randn(500, 6) @ torch.randn(6, 6) + torch.arange(6)
    codes[:, 5] = codes[:, 4]  # of full rank it need not be
    mean, spread = gaussian(codes)
    assert torch.allclose(mean, codes.mean(dim=0), atol=1e-5)
    assert torch.allclose(spread @ spread.t(), torch.cov(codes.t()), atol=1e-4)


def test_a_convolutional_generator_decodes_its_gaussian(drawings: NDArray[np.uint8]) -> None:
    trainer = learner_of("autoencoder-conv", drawings)
    assert isinstance(trainer, AutoencoderTrainer)
    mean, spread = torch.randn(128), torch.randn(128, 128)
    latents = torch.randn(3, 128)
    with torch.inference_mode():
        expected = trainer.network.decoder((latents @ spread.t() + mean).view(3, 8, 4, 4))
        drawn = trainer.network.generator(mean, spread)(latents)
    assert torch.allclose(drawn, expected, atol=1e-5)


def test_nothing_is_lost_where_a_reconstruction_is_exact() -> None:
    icons = torch.rand(2, 1, 4, 4) * 1.6 - 0.8
    assert float(reconstruction_loss(icons, icons)) == pytest.approx(0, abs=1e-6)
    assert float(reconstruction_loss(icons, -icons)) > 0.1


def test_a_slope_of_one_costs_nothing() -> None:
    class Slope(nn.Module):
        def __init__(self, slope: float) -> None:
            super().__init__()
            self.slope = slope

        def forward(self, icons: torch.Tensor) -> torch.Tensor:
            return self.slope * icons[:, 0, 0, 0]

    between, scores = torch.randn(4, 1, 8, 8), torch.zeros(4)
    assert float(slope_penalty(Slope(1.0), between, scores)) == pytest.approx(0, abs=1e-6)
    assert float(slope_penalty(Slope(3.0), between, scores)) == pytest.approx(40, rel=1e-3)
    assert float(slope_penalty(Slope(1.0), between, scores + 10)) == pytest.approx(0.1, rel=1e-3)


def test_pixel_norm_gives_each_pixel_the_length_one() -> None:
    normed = PixelNorm()(5 * torch.randn(2, 16, 3, 3))
    assert torch.allclose(normed.square().mean(dim=1), torch.ones(2, 3, 3), atol=1e-4)


def test_a_progressive_gan_grows_from_its_coarsest_size(drawings: NDArray[np.uint8]) -> None:
    trainer = learner_of("pgan", drawings)
    assert isinstance(trainer, Trainer)
    seen = []
    for progress in (0.0, 0.35, 0.99):
        trainer.step(progress)
        seen.append(trainer.stage.resolution)
    assert seen == [7, 14, 28]
    assert trainer.is_grown
    weights = trainer.snapshot().state_dict()
    assert weights.keys() == build_generator(trainer.config).state_dict().keys()
    assert float(weights["stem.4.weight"].std()) < 0.5  # a bundle gets the product of weight and scale


def test_equalized_layers_keep_the_size_of_what_passes() -> None:
    """Normal inputs come out normal before a rectifier doubles them, and colors and scores as they are."""
    torch.manual_seed(0)
    x = torch.randn(8, 64, 8, 8)
    for layer, size in ((nn.Conv2d(64, 32, 3), 2**0.5), (nn.Conv2d(64, 3, 1), 1.0)):
        with torch.no_grad():
            assert float(equalize(layer)(x).std()) == pytest.approx(size, rel=0.15)
    with torch.no_grad():
        spread = equalize(nn.ConvTranspose2d(64, 32, 4))(x[:, :, :1, :1])
    assert float(spread.std()) == pytest.approx(2**0.5, rel=0.15)


def test_sagan_grows_to_28_from_14(drawings: NDArray[np.uint8]) -> None:
    recipe = replace(PRESETS["sagan"], batch=4, width=8, growth=0.5, precision="float32")
    trainer = new_learner(setting_of(recipe, (255,), 0), drawings, torch.device("cpu"))
    assert isinstance(trainer, Trainer)
    assert [first_resolution(recipe.network(size, 3)) for size in (28, 32, 64)] == [14, 16, 16]
    for progress, resolution in ((0.0, 14), (0.6, 28)):
        trainer.step(progress)
        assert trainer.stage.resolution == resolution


def test_a_dcgan_stays_between_black_and_white(drawings: NDArray[np.uint8]) -> None:
    """With other weights at first, or with momentum, its tanh is saturated by now, and all it draws is white paper."""
    coarse = np.ascontiguousarray(drawings[:, 6:22, 6:22])
    setting = replace(setting_of(replace(PRESETS["dcgan"], batch=8), (255,), 1), image_size=16)
    trainer = new_learner(setting, coarse, torch.device("cpu"))
    assert isinstance(trainer, Trainer)
    for _ in range(36):
        trainer.step(0)
    with torch.no_grad():
        icons = trainer.generator(torch.randn(64, 100, generator=torch.Generator().manual_seed(0)))
    assert abs(float(icons.mean())) < 0.9
    assert float(icons.std(dim=0).mean()) > 0.02


def test_only_training_drops_anything_out(drawings: NDArray[np.uint8]) -> None:
    trainer = learner_of("dcgan", drawings)
    assert isinstance(trainer, Trainer)
    icons = torch.rand(4, 1, 28, 28)
    fresh = DcganDiscriminator(DcganConfig(width=16))
    assert torch.equal(fresh(icons), fresh(icons))
    trainer.step(0)
    assert not torch.equal(trainer.discriminator(icons), trainer.discriminator(icons))
