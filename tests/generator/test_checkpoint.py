"""Bundles on disk: a whole one is read, anything else is refused in one sentence."""

from __future__ import annotations

import hashlib
import io
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.torch import load, save

from generator import checkpoint
from generator.checkpoint import read_bundle
from generator.files import CARD, DISCRIMINATOR, FILES, GENERATOR, NEIGHBORS, BundleError
from generator.folders import recover_folder, swap_in_folder
from generator.sheets import draw_sheet
from generator.studio import Studio
from tests.bundles import write_like
from tests.generator.forged import change_card, refused, rewrite


def test_what_is_written_is_read(tiny_bundle_path: Path, drawn_icons: Any) -> None:
    bundle = read_bundle(tiny_bundle_path)
    assert (bundle.icons() == drawn_icons).all()
    assert bundle.descriptors.shape[0] == len(drawn_icons)
    assert bundle.card.data.name == "drawn"
    assert bundle.digest == hashlib.sha256((tiny_bundle_path / CARD).read_bytes()).hexdigest()


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte_is_damage(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)
    assert "damaged" in refused(bundle)


@pytest.mark.parametrize("name", [CARD, *FILES])
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    assert f"lacks its file {name}" in refused(bundle)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert "no bundle folder" in refused(tmp_path / "nothing")


def test_a_pickle_is_refused_by_its_content(bundle: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"weights": torch.zeros(3)}, buffer)
    rewrite(bundle, GENERATOR, buffer.getvalue())
    assert "pickle" in refused(bundle)
    rewrite(bundle, GENERATOR, b"\x80\x04\x95rest")
    assert "pickle" in refused(bundle)


def test_something_else_named_safetensors_is_refused(bundle: Path) -> None:
    rewrite(bundle, GENERATOR, (4).to_bytes(8, "little") + b"this is no tensor file")
    assert "not a safetensors file" in refused(bundle)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", [GENERATOR, NEIGHBORS])
def test_numbers_that_are_not_finite_are_refused(bundle: Path, name: str, value: float) -> None:
    tensors = load((bundle / name).read_bytes())
    first = next(iter(tensors))
    tensors[first].view(-1)[0] = value
    rewrite(bundle, name, save(tensors))
    assert "not finite" in refused(bundle)


def test_weights_of_another_network_are_refused(bundle: Path) -> None:
    change_card(bundle, lambda card: card["network"].update(width=16))
    assert "has the shape" in refused(bundle)


def test_weights_of_another_precision_are_refused(bundle: Path) -> None:
    tensors = load((bundle / GENERATOR).read_bytes())
    tensors["head.bias"] = tensors["head.bias"].half()
    rewrite(bundle, GENERATOR, save(tensors))
    assert "32 bits" in refused(bundle)


def test_a_missing_weight_is_named(bundle: Path) -> None:
    tensors = load((bundle / GENERATOR).read_bytes())
    bias = tensors.pop("head.bias")
    rewrite(bundle, GENERATOR, save(tensors))
    assert "head.bias" in refused(bundle)
    rewrite(bundle, GENERATOR, save({**tensors, "head.bias": bias, "more": bias.clone()}))
    assert "more" in refused(bundle)
    rewrite(bundle, GENERATOR, save({**tensors, "head.bias": bias[None]}))
    assert "has the shape (1, 3), not (3,)" in refused(bundle)


def test_a_file_that_is_too_large_is_refused_unread(bundle: Path) -> None:
    with (bundle / CARD).open("ab") as file:
        file.truncate(2**20 + 1)
    assert "more than the limit" in refused(bundle)


def test_a_bundle_that_is_replaced_while_it_is_read_is_read_again(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, attempts = checkpoint._read_bundle, count()

    def replaced(path: Path) -> checkpoint.Bundle:
        if next(attempts):
            return read(path)
        change_card(path, lambda card: card.update(kimg=7.0))
        raise BundleError("Half of the old one, half of the new one.")

    monkeypatch.setattr(checkpoint, "_read_bundle", replaced)
    assert read_bundle(bundle).card.kimg == 7.0


def test_a_header_is_not_taken_for_a_pickle(bundle: Path) -> None:
    """The length of a header stands where the protocol of a pickle does."""
    tensors = load((bundle / NEIGHBORS).read_bytes())
    lengths = (save(tensors, {"more": "x" * number}) for number in range(400, 640))
    rewrite(bundle, NEIGHBORS, next(each for each in lengths if each.startswith(b"\x80\x02")))
    assert len(read_bundle(bundle).descriptors) == 40


def test_a_discriminator_is_numbers_of_16_bits(bundle: Path) -> None:
    for value, said in ((torch.zeros(2), "16 bits"), (torch.full((2,), torch.nan).half(), "16 bits")):
        rewrite(bundle, DISCRIMINATOR, save({"x": value}))
        assert said in refused(bundle)
    rewrite(bundle, DISCRIMINATOR, save({"x": torch.zeros(2).half()}))
    assert set(read_bundle(bundle).discriminator) == {"x"}
    change_card(bundle, lambda card: card.update(format_version=1))
    assert "does not name the files" in refused(bundle)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    position=st.integers(0, 10**6),
    value=st.integers(0, 255),
    name=st.sampled_from([CARD, *FILES]),
    signed=st.booleans(),
)
def test_any_changed_byte_is_read_or_refused(
    tiny_bundle_path: Path, tmp_path: Path, position: int, value: int, name: str, signed: bool
) -> None:
    bundle = tmp_path / "fuzzed"
    shutil.rmtree(bundle, ignore_errors=True)
    shutil.copytree(tiny_bundle_path, bundle)
    content = bytearray((bundle / name).read_bytes())
    content[position % len(content)] = value
    if signed and name != CARD:
        rewrite(bundle, name, bytes(content))
    else:
        (bundle / name).write_bytes(content)
    with suppress(BundleError):
        read_bundle(bundle)


def test_a_writer_refuses_weights_that_are_not_finite(tiny_bundle_path: Path, tmp_path: Path) -> None:
    bundle = read_bundle(tiny_bundle_path)
    weights = dict(bundle.generator)
    weights["head.bias"] = torch.full_like(weights["head.bias"], float("nan"))
    with pytest.raises(BundleError, match="not finite"):
        write_like(bundle, tmp_path / "new", weights=weights)
    assert list(tmp_path.iterdir()) == []


def test_what_was_held_out_is_kept_beside_the_training_icons(
    tiny_bundle_path: Path, tmp_path: Path, drawn_icons: NDArray[np.uint8]
) -> None:
    bundle, others = read_bundle(tiny_bundle_path), 255 - drawn_icons[:3]
    both = np.concatenate([drawn_icons, others])
    again = write_like(bundle, tmp_path / "new", sheet=draw_sheet(both), held_out=len(others))
    assert np.array_equal(again.icons(), drawn_icons)
    assert np.array_equal(again.all_icons(), both)
    assert np.array_equal(bundle.all_icons(), bundle.icons())
    change_card(tmp_path / "new", lambda card: card.update(sheet_held_out=2))
    assert "sheet" in refused(tmp_path / "new")


def test_a_swap_leaves_one_whole_folder(tmp_path: Path) -> None:
    place = tmp_path / "place"
    swap_in_folder(place, {"a": b"1"})
    swap_in_folder(place, {"b": b"2"})
    assert [file.name for file in place.iterdir()] == ["b"]
    assert [folder.name for folder in tmp_path.iterdir()] == ["place"]


def test_a_swap_that_was_cut_short_is_recovered(tmp_path: Path) -> None:
    place = tmp_path / "place"
    swap_in_folder(place, {"a": b"1"})
    place.rename(tmp_path / ".place-x-retired")  # killed between the two renames
    (tmp_path / ".place-x").mkdir()
    recover_folder(place)
    assert (place / "a").read_bytes() == b"1"
    assert [folder.name for folder in tmp_path.iterdir()] == ["place"]


def test_descriptors_of_another_kind_are_refused(bundle: Path) -> None:
    rewrite(bundle, NEIGHBORS, save({"descriptors": torch.zeros(40, 5, dtype=torch.float16)}))
    assert "(40, 5)" in refused(bundle)
    for value in (2.0, -1.0):
        rewrite(bundle, NEIGHBORS, save({"descriptors": torch.full((40, 768), value, dtype=torch.float16)}))
        assert "from 0 to 1" in refused(bundle)
    rewrite(bundle, NEIGHBORS, save({"descriptors": torch.zeros(40, 768)}))
    assert "does not hold" in refused(bundle)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("features", torch.zeros(40, 5, dtype=torch.float16), "(40, 96)"),
        ("features", torch.full((40, 96), 2.0, dtype=torch.float16), "within their bounds"),
        ("features", torch.zeros(40, 96), "16 bits"),
        ("fresh", torch.zeros(3), "not pairs"),
        ("fresh", torch.zeros(3, 2).half(), "not pairs"),
        ("fresh", torch.zeros(16_385, 2), "not pairs"),
        ("fresh", torch.full((3, 2), -1.0), "within their bounds"),
        ("fresh", torch.full((3, 2), torch.nan), "within their bounds"),
        ("more", torch.zeros(1), "does not hold"),
    ],
)
def test_features_of_another_kind_are_refused(bundle: Path, name: str, value: torch.Tensor, said: str) -> None:
    tensors = {
        "descriptors": load((bundle / NEIGHBORS).read_bytes())["descriptors"],
        "features": torch.zeros(40, 96, dtype=torch.float16),
        "fresh": torch.zeros(0, 2),
    }
    change_card(bundle, lambda card: card.update(encoder="0" * 64))
    rewrite(bundle, NEIGHBORS, save(tensors))
    assert read_bundle(bundle).features is not None
    rewrite(bundle, NEIGHBORS, save(tensors | {name: value}))
    assert said in refused(bundle)


def test_variances_below_zero_are_refused(bundle: Path) -> None:
    tensors = load((bundle / GENERATOR).read_bytes())
    tensors["stem.1.running_var"][0] = -1
    rewrite(bundle, GENERATOR, save(tensors))
    assert "below zero" in refused(bundle)


def test_weights_that_overflow_are_refused_by_the_studio(bundle: Path) -> None:
    tensors = load((bundle / GENERATOR).read_bytes())
    tensors["stages.8.0.weight"].fill_(3e38)
    rewrite(bundle, GENERATOR, save(tensors))
    with pytest.raises(BundleError, match="draws no picture"):
        Studio(read_bundle(bundle), "cpu")


def test_a_huge_header_is_refused_unread(bundle: Path) -> None:
    rewrite(bundle, GENERATOR, (2**40).to_bytes(8, "little") + b"{}")
    assert "header would be too long" in refused(bundle)
