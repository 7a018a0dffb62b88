"""The figures of a model: generated icons against the training icons and against icons held out of the training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from generator.card import Figure
from generator.choice import CANDIDATES, Realism, choose
from generator.encoder import Encoder, load_encoder
from generator.neighborhood import REFERENCES
from generator.studio import fold, to_pixels
from generator.transparency import DARK, WHITE, over
from train.metrics.features import kid, manifold
from train.metrics.form import Form
from train.metrics.memory import Memory
from train.metrics.similarity import mean_ms_ssim
from train.metrics.swd import swd

SAMPLES = 512
"""Generated icons that a figure is taken from, when nothing else is asked for."""
SIDE = 256
"""Most icons a side where equally many are compared: what depends on that number can then be compared between runs."""
SAMPLING_BATCH = 64
BACKGROUNDS = {"white": WHITE, "dark": DARK}
"""What transparent icons are judged on: each hides other faults."""


class Judge:
    """Compares generators with one set of icons; what concerns the icons alone is measured once.

    - `swd`: sliced Wasserstein distance x 1000 to the training icons; real: between two halves of these.
    - `kid`: kernel distance x 1000 to the held-out icons, on features of the encoder; real: of the training icons.
      Where fewer than REFERENCES are held out, training icons that nothing else is compared with fill them up.
    - `form`: kernel distance x 1000 to the training icons on features of natural images; real: between two halves of
      these. Transparent icons are seen on white.
    - `precision`, `recall`, `coverage`: how far the generated icons lie among the training icons, and the other way
      round, on the same features; real: of held-out icons, filled up with training icons that are not compared with.
    - `ms_ssim`: mean MS-SSIM of pairs of generated icons; real: of training icons. Far above it: collapse.
    - `nearest`, `nearest_low`: how far the median generated icon, and that at the 5 % quantile, is from its nearest
      training icon, as a multiple of the median of held-out icons; real: the same of held-out icons. Low: copies.
    - `copies`: share of generated icons as near to a training icon as 1 % of held-out icons are, in pixels or in
      features; real: of these.

    SWD, KID and the fourth row are means over as many parts of SIDE generated icons as there are, each compared with
    training icons of its own. (In sets of less than 2 SIDE icons, parts are of half the set.)

    - `chosen_precision`, `chosen_coverage`, `chosen_nearest`: what choosing one of CANDIDATES does; in the place of the
      real figure stands that of as many icons that nobody chose.

    Each figure of transparent icons is the mean over BACKGROUNDS; `swd_white` and `swd_dark` are also given apart.
    """

    def __init__(
        self,
        icons: NDArray[np.uint8],
        held_out: NDArray[np.uint8],
        device: torch.device,
        samples: int = SAMPLES,
    ) -> None:
        """`icons`, `held_out`: `(N, size, size, C)` uint8, N at least 4, and 2 or none; `samples`: icons to generate.

        Raises EncoderError when the encoder that ships with the project is not there.
        """
        self._device, self._samples = device, samples
        self._encoder = load_encoder().on(device)
        self._form, self._realism = Form(over(icons, WHITE), device), Realism(icons, device)
        self._views = [
            _View(training, fresh, device, samples, self._encoder)
            for training, fresh in zip(on_backgrounds(icons), on_backgrounds(held_out), strict=True)
        ]

    @property
    def device(self) -> torch.device:
        """Where all is compared."""
        return self._device

    @property
    def encoder_digest(self) -> str:
        """SHA-256 of the encoder's weights: figures on features can be compared when it is the same."""
        return self._encoder.digest

    def evaluate(self, network: nn.Module, latent_size: int) -> dict[str, Figure]:
        """The figures of a generator, each beside the real one."""
        return self.compare(self.sample(network, latent_size))

    def sample(self, network: nn.Module, latent_size: int) -> NDArray[np.uint8]:
        """The icons that a generator is judged by, always of the same latents: `(samples, size, size, C)` uint8."""
        return sample(fold(network), latent_size, self._samples, self._device, torch.Generator().manual_seed(0))

    def compare(self, fakes: NDArray[np.uint8]) -> dict[str, Figure]:
        """The figures of icons from `sample`, each beside the real one."""
        pictures = on_backgrounds(fakes)
        features = [self._encoder.features(icons) for icons in pictures]
        each = zip(self._views, pictures, features, strict=True)
        seen = [view.figures(icons, described) for view, icons, described in each]
        found = {
            name: Figure(
                value=float(np.mean([figures[name] for figures in seen])),
                real=float(np.mean([view.real[name] for view in self._views])),
            )
            for name in seen[0]
        }
        found["form"] = Figure(value=self._form.figure(pictures[0]), real=self._form.real)
        found |= self._views[0].chosen(pictures[0], features[0], self._realism.of(fakes))
        if len(seen) > 1:
            for name, figures, view in zip(BACKGROUNDS, seen, self._views, strict=True):
                found[f"swd_{name}"] = Figure(value=figures["swd"], real=view.real["swd"])
        return found


def on_backgrounds(icons: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The icons in RGB, `(N, size, size, 3)`, once for each background that they are judged on: opaque ones, once.

    Transparent ones are `(N, size, size, 4)`, premultiplied.
    """
    return [over(icons, color) for color in (BACKGROUNDS.values() if icons.shape[-1] == 4 else [WHITE])]


@dataclass(frozen=True)
class _Part:
    """What a part of the generated icons is compared with."""

    seed: int
    """Its number, too."""
    drawn: NDArray[np.int64]
    """Training icons, as many as the part has."""
    fresh: torch.Tensor
    """Features for KID: those of held-out icons, filled up with training icons that are not drawn."""


class _View:
    """The icons on one background, in RGB."""

    def __init__(
        self,
        icons: NDArray[np.uint8],
        held_out: NDArray[np.uint8],
        device: torch.device,
        samples: int,
        encoder: Encoder,
    ) -> None:
        self._device, self._icons = device, icons
        self._features, unseen = encoder.features(icons), encoder.features(held_out)
        self._memory = Memory(icons, held_out, self._features, unseen, device)
        self._side = side = min(len(icons) // 2, samples, SIDE)
        self._parts: list[_Part] = []
        found: list[dict[str, float]] = []
        for seed in range(samples // side):
            order = np.random.default_rng(seed).permutation(len(icons))
            filled = torch.cat([unseen, self._features[order[side:]]])
            part = _Part(seed, order[:side], filled[: max(len(unseen), REFERENCES)])
            self._parts.append(part)
            others = icons[order[side : 2 * side]], filled[:side], self._features[order[:side]]
            found.append(self._compare(part, *others))
        self.real = {**_means(found), "ms_ssim": mean_ms_ssim(icons, device), **self._memory.real}

    def figures(self, fakes: NDArray[np.uint8], features: torch.Tensor) -> dict[str, float]:
        """The figures of generated icons in RGB; those that want equal numbers are means over as many as there are."""
        found = []
        for part in self._parts:
            cut = slice(self._side * part.seed, self._side * (part.seed + 1))
            found.append(self._compare(part, fakes[cut], features[cut], features[cut]))
        return {
            **_means(found),
            "ms_ssim": mean_ms_ssim(fakes, self._device),
            **self._memory.figures(fakes, features),
        }

    def chosen(self, fakes: NDArray[np.uint8], features: torch.Tensor, realism: torch.Tensor) -> dict[str, Figure]:
        """What choosing among generated icons in RGB gives, beside what taking the first ones gives."""
        distance = self._memory.distance(fakes, features)
        candidates = min(CANDIDATES, len(fakes) // 2)
        firsts = list(range(0, len(fakes) - candidates + 1, candidates))
        best = [
            first + choose(realism[among], distance[among], features[among], self._memory.apart, 1)[0]
            for first in firsts
            for among in [slice(first, first + candidates)]
        ]
        reals = self._features[self._parts[0].drawn]
        after, before = manifold(reals, features[best]), manifold(reals, features[firsts])
        after["nearest"], before["nearest"] = (float(np.median(distance[places])) for places in (best, firsts))
        names = ("precision", "coverage", "nearest")
        return {f"chosen_{name}": Figure(value=after[name], real=before[name]) for name in names}

    def _compare(
        self, part: _Part, icons: NDArray[np.uint8], features: torch.Tensor, own: torch.Tensor
    ) -> dict[str, float]:
        """Icons and features against the training icons of a part, and the features `own` against its fresh icons."""
        return {
            "swd": swd(self._icons[part.drawn], icons, self._device, part.seed),
            "kid": kid(own, part.fresh),
            **manifold(self._features[part.drawn], features),
        }


def _means(found: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([figures[name] for figures in found])) for name in found[0]}


@torch.inference_mode()
def sample(
    network: nn.Module, latent_size: int, count: int, device: torch.device, rng: torch.Generator
) -> NDArray[np.uint8]:
    """Draw icons: `(count, size, size, channels)` uint8. `rng` lives on the CPU."""
    latents = torch.randn((count, latent_size), generator=rng).to(device)
    batches = [to_pixels(network(chunk)).cpu() for chunk in torch.split(latents, SAMPLING_BATCH)]
    pixels: NDArray[np.uint8] = torch.cat(batches).permute(0, 2, 3, 1).contiguous().numpy()
    return pixels
