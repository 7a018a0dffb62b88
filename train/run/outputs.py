"""What an evaluation leaves in the run folder: a bundle, and the sheet of its fixed seeds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from generator.card import Figure
from generator.choice import Realism
from generator.decode import color_code
from generator.encoder import load_encoder
from generator.neighborhood import measure
from generator.neighbors import NeighborIndex, describe
from generator.networks import GeneratorConfig
from generator.pictures import grid, png
from generator.seeds import latents
from generator.sheets import draw_sheet, sheet_limit, thin
from generator.studio import to_pixels
from generator.tidy import Tidy
from generator.transparency import WHITE, as_image, over
from generator.writing import Description, write_bundle
from train.run.setting import Setting

SHEET_SEEDS = range(1, 65)
SHEET_COLUMNS = 16


class Shelf:
    """Writes the bundles of one run; what concerns its training icons is made once."""

    def __init__(self, setting: Setting, icons: NDArray[np.uint8], held_out: NDArray[np.uint8]) -> None:
        """`icons`, `held_out`: `(N, size, size, channels)` uint8, those that are trained on, and the others.

        Raises EncoderError.
        """
        self._setting = setting
        limit = sheet_limit(setting.image_size)
        shown = icons[list(thin(len(icons), limit))]
        kept = held_out[: limit - len(shown)]
        sheet = np.concatenate([shown, kept])
        self._sheet, self._kept, self._tidy = draw_sheet(sheet), len(kept), Tidy(sheet)
        self._descriptors = describe(shown)
        encoder = load_encoder()
        self._encoder, self._features = encoder.digest, encoder.features(over(shown, WHITE))
        self._realism = Realism(shown)
        index, held_out_features = NeighborIndex(self._descriptors), encoder.features(over(held_out, WHITE))
        self._fresh = torch.from_numpy(measure(index, self._features, held_out, held_out_features))

    def put(
        self,
        path: Path,
        network: nn.Module,
        config: GeneratorConfig,
        *,
        kimg: float,
        metrics: Mapping[str, Figure],
        drawn: NDArray[np.uint8],
        critics: Mapping[str, torch.Tensor],
    ) -> None:
        """Write a bundle in the place of the one at `path`. Raises BundleError.

        `drawn`: from `draw_seeds`; `critics`: what judged it.
        """
        setting = self._setting
        write_bundle(
            path,
            Description(
                kimg=round(kimg, 3),
                metrics=metrics,
                data=setting.data,
                preset=setting.recipe.preset,
                background=color_code(setting.background),
                threshold=setting.threshold,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                code_version=setting.code_version,
                encoder=self._encoder,
                started_from=setting.start or "",
                plainest=self._plainest(drawn),
            ),
            config=config,
            weights=network.state_dict(),
            descriptors=self._descriptors,
            sheet=self._sheet,
            held_out=self._kept,
            samples=sheet_of(self._tidy(torch.from_numpy(drawn)).numpy()),
            features=self._features,
            fresh=self._fresh,
            discriminator=critics,
        )

    def _plainest(self, drawn: NDArray[np.uint8]) -> int:
        """The seed among SHEET_SEEDS whose icon is the most real one."""
        return SHEET_SEEDS[int(self._realism.of(drawn).argmax())]


@torch.inference_mode()
def draw_seeds(network: nn.Module, config: GeneratorConfig, device: torch.device) -> NDArray[np.uint8]:
    """The icons of SHEET_SEEDS by a generator in eval mode: `(64, size, size, C)` uint8, the same through all of a run.

    Those of a network that has not grown to that size yet are enlarged.
    """
    pixels = to_pixels(network(latents(SHEET_SEEDS, config.latent_size).to(device))).permute(0, 2, 3, 1).cpu().numpy()
    larger = config.image_size // pixels.shape[1]
    icons: NDArray[np.uint8] = pixels.repeat(larger, axis=1).repeat(larger, axis=2)
    return icons


def sheet_of(drawn: NDArray[np.uint8]) -> bytes:
    """The sheet of icons from `draw_seeds` as a PNG."""
    return png(grid([as_image(icon) for icon in drawn], SHEET_COLUMNS))
