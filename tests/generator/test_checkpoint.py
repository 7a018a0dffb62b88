"""Bundles on disk: a whole one is read, anything else is refused in one sentence."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load, save

from generator.checkpoint import (
    CARD,
    FILES,
    FORMAT_VERSION,
    GENERATOR,
    ICONS,
    NEIGHBORS,
    SAMPLES,
    BundleError,
    read_bundle,
)
from generator.folders import recover_folder, swap_in_folder
from generator.sheets import draw_sheet, sheet_limit, thin
from generator.studio import Studio
from tests.bundles import write_like


@pytest.fixture
def bundle(tiny_bundle_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle_path, tmp_path / "bundle"))


def rewrite(bundle: Path, name: str, content: bytes) -> None:
    """Replace a file and sign it, as somebody would who forges a bundle."""
    (bundle / name).write_bytes(content)
    change_card(bundle, lambda card: card["files"].update({name: hashlib.sha256(content).hexdigest()}))


def change_card(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    card = json.loads((bundle / CARD).read_text())
    change(card)
    (bundle / CARD).write_text(json.dumps(card))


def refused(bundle: Path) -> str:
    with pytest.raises(BundleError) as caught:
        read_bundle(bundle)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert str(bundle) in sentence
    return sentence


def test_what_is_written_is_read(tiny_bundle_path: Path, drawn_icons: Any) -> None:
    bundle = read_bundle(tiny_bundle_path)
    assert (bundle.icons() == drawn_icons).all()
    assert bundle.descriptors.shape[0] == len(drawn_icons)
    assert bundle.card.data.name == "drawn"
    assert bundle.digest == hashlib.sha256((tiny_bundle_path / CARD).read_bytes()).hexdigest()


def test_a_card_without_held_out_icons_is_read(bundle: Path) -> None:
    change_card(bundle, lambda card: card["data"].pop("held_out"))
    assert read_bundle(bundle).card.data.held_out == 0


def test_a_card_without_an_author_is_read_and_one_with_an_author_credits_it(bundle: Path) -> None:
    change_card(bundle, lambda card: card["data"].pop("author"))
    assert read_bundle(bundle).card.data.credit == "MIT"
    change_card(bundle, lambda card: card["data"].update(author="Ann"))
    assert read_bundle(bundle).card.data.credit == "MIT, by Ann"


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


def test_a_missing_weight_is_named(bundle: Path) -> None:
    tensors = load((bundle / GENERATOR).read_bytes())
    del tensors["head.bias"]
    rewrite(bundle, GENERATOR, save(tensors))
    assert "head.bias" in refused(bundle)


def test_a_future_format_version_says_update(bundle: Path) -> None:
    change_card(bundle, lambda card: card.update(format_version=FORMAT_VERSION + 1, something="new"))
    assert "update Mojigan" in refused(bundle)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda card: card.pop("format_version"), "names no format version"),
        (lambda card: card.update(format_version="1"), "names no format version"),
        (lambda card: card.update(format_version=0), "version 0"),
        (lambda card: card.update(kimg=-1), "kimg"),
        (lambda card: card.update(truncation=float("nan")), "truncation"),
        (lambda card: card.update(extra=1), "extra"),
        (lambda card: card.update(architecture="unet"), "unknown"),
        (lambda card: card["network"].update(width=10**9), "steps of 8"),
        (lambda card: card["network"].update(latent_size=0), "from 1 to 1024"),
        (lambda card: card["network"].update(width=8.0), "width"),
        (lambda card: card["network"].update(image_size=65536), "65536"),
        (lambda card: card["network"].update(depth=3), "depth"),
        (lambda card: card["network"].pop("width"), "width"),
        (lambda card: card["files"].update({"../../x": "0" * 64}), "does not name the files"),
        (lambda card: card["files"].pop(ICONS), "does not name the files"),
        (lambda card: card.update(sheet_icons=39), "(40, "),
        (lambda card: card.update(sheet_icons=10**9), "sheet_icons"),
        (lambda card: card["data"].update(digest="xyz"), "digest"),
        (lambda card: card["data"].update(count=3), "a sheet of 40"),
        (lambda card: card["data"].update(name="\x1b[31m"), "data.name"),
        (lambda card: card.update(created="x" * 1000), "created"),
        (lambda card: card["network"].update(channels=4), "do not go with the background"),
    ],
)
def test_a_wrong_card_says_what_is_wrong(bundle: Path, change: Callable[[dict[str, Any]], object], said: str) -> None:
    change_card(bundle, change)
    assert said in refused(bundle)


HOSTILE = "\x1b[2J\n\u202e" + "x" * 10_000


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card.update({HOSTILE: 1}),
        lambda card: card.update(architecture=HOSTILE),
        lambda card: card["network"].update({HOSTILE: 1}),
        lambda card: card["metrics"].update({HOSTILE: {"value": 1, "real": 1}}),
        lambda card: card["files"].update({HOSTILE: "0"}),
        lambda card: card.update(format_version=10**4000),
    ],
)
def test_what_a_card_holds_is_quoted_briefly(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    change_card(bundle, change)
    with pytest.raises(BundleError) as caught:
        read_bundle(bundle)
    sentence = str(caught.value)
    assert len(sentence) <= 300
    assert sentence.isprintable()


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 100_000, "{}".encode("utf-16")])
def test_a_card_that_is_no_card_is_refused(bundle: Path, content: bytes) -> None:
    (bundle / CARD).write_bytes(content)
    refused(bundle)


def test_a_sheet_of_another_size_is_refused(bundle: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG")
    rewrite(bundle, ICONS, buffer.getvalue())
    assert "not a sheet of 40 icons" in refused(bundle)


def test_a_sheet_that_is_no_png_is_refused(bundle: Path) -> None:
    whole = (bundle / ICONS).read_bytes()
    for content in (b"GIF89a", whole[:200], b""):
        rewrite(bundle, ICONS, content)
        refused(bundle)


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
    rewrite(bundle, NEIGHBORS, save({"descriptors": torch.full((40, 768), 2.0, dtype=torch.float16)}))
    assert "from 0 to 1" in refused(bundle)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("features", torch.zeros(40, 5, dtype=torch.float16), "(40, 96)"),
        ("features", torch.full((40, 96), 2.0, dtype=torch.float16), "within their bounds"),
        ("fresh", torch.zeros(3), "not pairs"),
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


def test_samples_have_to_be_a_picture_of_bounded_size(bundle: Path) -> None:
    rewrite(bundle, SAMPLES, b"<html>")
    assert "not a whole PNG" in refused(bundle)
    buffer = io.BytesIO()
    Image.new("1", (10_000, 10)).save(buffer, "PNG")
    rewrite(bundle, SAMPLES, buffer.getvalue())
    assert "larger than" in refused(bundle)


def test_a_large_set_is_thinned_evenly() -> None:
    assert (sheet_limit(32), sheet_limit(64), sheet_limit(128)) == (16_384, 16_384, 4_096)
    assert list(thin(3, 5)) == [0, 1, 2]
    assert list(thin(10, 5)) == [0, 2, 4, 6, 8]
