"""The generator's door, as a person uses it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from typer.testing import CliRunner, Result

from generator.__main__ import app
from generator.checkpoint import read_bundle
from generator.encoder import read_encoder
from generator.enlarger import read_enlarger
from generator.inversion import invert
from generator.neighborhood import Neighborhood
from generator.quality import DISTANCE
from generator.seeds import SEED_LIMIT
from generator.studio import Studio
from generator.wildness import truncation_of
from tests.conftest import draw_icon
from train.data.icons import load_icons


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(*arguments: str | Path) -> str:
    """The one sentence of a refusal."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.stderr.strip()


def test_the_same_seed_gives_the_same_bytes_in_two_processes(tiny_bundle_path: Path, tmp_path: Path) -> None:
    files = [tmp_path / "one.png", tmp_path / "two.png"]
    for file in files:
        command = ["-m", "generator", "icon", "--seed", "blue cat", "--bundle", str(tiny_bundle_path), "-o", str(file)]
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "seed blue cat" in done.stdout
    one, two = (file.read_bytes() for file in files)
    assert one == two
    with Image.open(io.BytesIO(one)) as image:
        assert image.size == (512, 512)
        assert image.info["Seed"] == "blue cat"


def test_an_icon_gets_a_name_from_model_and_seed(
    tiny_bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("icon", "--seed", "42", "--size", "64", "--bundle", tiny_bundle_path).exit_code == 0
    assert run("icon", "--bundle", tiny_bundle_path).exit_code == 0
    names = [file.name for file in tmp_path.iterdir()]
    assert len(names) == 2
    assert any(name.startswith("mojigan-") and name.endswith("-42.png") for name in names)


def test_plain_is_another_picture_of_the_same_icon(tiny_bundle_path: Path, tmp_path: Path) -> None:
    given = ("icon", "--seed", "42", "--bundle", tiny_bundle_path, "-o")
    assert run(*given, tmp_path / "drawn.png").exit_code == 0
    assert run(*given, tmp_path / "plain.png", "--plain").exit_code == 0
    drawn, plain = (np.asarray(Image.open(tmp_path / name)).astype(int) for name in ("drawn.png", "plain.png"))
    assert drawn.shape == plain.shape == (512, 512, 3)
    assert 0 < np.abs(drawn - plain).mean() < 30


def test_a_damaged_enlarger_gets_a_sentence(
    tiny_bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generator.pictures.load_enlarger", lambda: read_enlarger(tmp_path / "none.safetensors"))
    sentence = refused("icon", "--seed", "1", "--bundle", tiny_bundle_path, "-o", tmp_path / "icon.png")
    assert "the enlarger cannot be read" in sentence


def test_a_grid_begins_with_its_seed(tiny_bundle_path: Path, tmp_path: Path) -> None:
    sheet, icon = tmp_path / "sheet.png", tmp_path / "icon.png"
    assert (
        run(
            "grid", "--seed", "7", "--count", "6", "--columns", "3", "--bundle", tiny_bundle_path, "-o", sheet
        ).exit_code
        == 0
    )
    assert run("icon", "--seed", "7", "--size", "64", "--bundle", tiny_bundle_path, "-o", icon).exit_code == 0
    with Image.open(sheet) as drawn, Image.open(icon) as first:
        assert drawn.size == (3 * 68 + 4, 2 * 68 + 4)
        assert drawn.crop((4, 4, 68, 68)).tobytes() == first.tobytes()


def test_a_grid_shows_the_nearest_training_icons_below(tiny_bundle_path: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    options = ("--count", "5", "--columns", "3", "--neighbors", "--bundle", tiny_bundle_path, "-o", sheet)
    assert run("grid", "--seed", "7", *options).exit_code == 0
    bundle = read_bundle(tiny_bundle_path)
    drawn = Studio(bundle, "cpu").draw([7, 8, 9, 10, 11])
    with Image.open(sheet) as found:
        assert found.size == (3 * 68 + 4, 4 * 72 + 12)
        for i, (x, y) in enumerate([(4, 4), (72, 4), (140, 4), (4, 160), (72, 160)]):
            assert found.crop((x, y, x + 64, y + 64)).tobytes() == drawn[i].tobytes()
            below = found.crop((x, y + 72, x + 64, y + 136))
            near = Neighborhood(bundle).search(drawn[i], 1)[0]
            assert (np.asarray(below) == bundle.icons()[near.index]).all()


def test_neighbors_of_a_training_icon_start_with_itself(tiny_bundle_path: Path, tmp_path: Path) -> None:
    draw_icon(9).save(tmp_path / "nine.png")
    result = run(
        "neighbors", "--picture", tmp_path / "nine.png", "--bundle", tiny_bundle_path, "-o", tmp_path / "out.png"
    )
    assert result.exit_code == 0, result.output
    first = next(line for line in result.stdout.splitlines() if "#" in line)
    assert first.split() == ["1", "#9", "0.00"]
    assert (tmp_path / "out.png").stat().st_size > 1000


def test_neighbors_of_a_seed(tiny_bundle_path: Path, tmp_path: Path) -> None:
    result = run("neighbors", "--seed", "1", "--count", "5", "--bundle", tiny_bundle_path, "-o", tmp_path / "out.png")
    assert result.exit_code == 0
    assert len([line for line in result.stdout.splitlines() if "#" in line]) == 5
    assert f"Distance {DISTANCE}" in " ".join(result.stdout.split())


def test_a_morph_is_an_animation(tiny_bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = ("morph", "--from", "1", "--to", "blue cat", "--frames", "3", "--bundle", tiny_bundle_path)
    assert run(*given, "-o", "out.webp").exit_code == 0
    result = run(*given)
    assert result.exit_code == 0, result.output
    assert "seeds 1 to blue cat" in result.stdout
    (named,) = tmp_path.glob("mojigan-*-1-to-*.webp")
    assert named.read_bytes() == (tmp_path / "out.webp").read_bytes()
    with Image.open(named) as image:
        assert (image.format, getattr(image, "n_frames", 1)) == ("WEBP", 4)
    assert "cannot be written" in refused(*given, "-o", tmp_path)
    assert "call it walk.webp" in refused(*given, "-o", "walk.gif")
    assert "call it walk.png" in refused("icon", "--seed", "1", "--bundle", tiny_bundle_path, "-o", "walk.jpg")


def test_wildness_means_what_it_means_in_discord(tiny_bundle_path: Path, tmp_path: Path) -> None:
    def icon(*options: str) -> bytes:
        target = tmp_path / "icon.png"
        given = ("icon", "--seed", "42", "--size", "64", "--bundle", tiny_bundle_path, "-o", target)
        assert run(*given, *options).exit_code == 0
        with Image.open(target) as image:
            return image.tobytes()

    (drawn,) = Studio(read_bundle(tiny_bundle_path)).draw([42], truncation_of(30))
    assert icon("--wildness", "30") == drawn.tobytes()
    assert icon("--wildness", "100") == icon() != drawn.tobytes()  # the bundle's own is as in training


def test_an_export_can_be_trained_on_and_says_where_it_is_from(tiny_bundle_path: Path, tmp_path: Path) -> None:
    given = ("--count", "70", "--seed", str(SEED_LIMIT - 9), "--wildness", "50", "--bundle", tiny_bundle_path)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        result = run("export", *given, "--out", folder)
        assert result.exit_code == 0, result.output
    assert "70 icons and manifest.json" in result.stdout
    one, two = ({file.name: file.read_bytes() for file in folder.iterdir()} for folder in folders)
    assert one == two

    model = read_bundle(tiny_bundle_path)
    manifest = json.loads(one["manifest.json"])
    assert (manifest["bundle"], manifest["license"]) == (model.digest, "MIT")
    assert manifest["truncation"] == truncation_of(50)
    files = manifest["files"]
    assert [file["seed"] for file in files] == [(SEED_LIMIT - 9 + i) % SEED_LIMIT for i in range(70)]
    assert all(file["sha256"] == hashlib.sha256(one[file["name"]]).hexdigest() for file in files)
    assert one.keys() == {"manifest.json", "LICENSE", *(file["name"] for file in files)}

    icons = load_icons([folders[0]])
    assert icons.license == "MIT"
    drawn = Studio(model).draw([file["seed"] for file in files], truncation_of(50))
    assert (icons.pixels == np.stack([np.asarray(icon) for icon in drawn])).all()
    assert "new or empty" in refused("export", *given, "--out", folders[0])
    assert "new or empty" in refused("export", *given, "--out", folders[0] / "LICENSE")


def test_a_picture_is_inverted_and_shown_beside(tiny_bundle_path: Path, tmp_path: Path) -> None:
    draw_icon(9).save(tmp_path / "nine.png")
    given = ("invert", tmp_path / "nine.png", "--bundle", tiny_bundle_path, "--steps", "5", "-o", tmp_path / "out.png")
    result = run(*given)
    assert result.exit_code == 0, result.output
    model = read_bundle(tiny_bundle_path)
    found = invert(Studio(model), np.asarray(draw_icon(9)), steps=5)
    assert found.distance < found.start
    with Image.open(tmp_path / "out.png") as image, safe_open(tmp_path / "out.safetensors", framework="pt") as saved:
        assert image.width > 1.5 * image.height
        assert (saved.get_tensor("latent") == found.latent).all()
        assert saved.metadata() == {"Model": model.digest, "Distance": f"{found.distance:.4f}"}
    assert Studio(model).draw_latents(found.latent[None]) == [found.icon]


def test_info_shows_the_card(tiny_bundle_path: Path) -> None:
    text = run("info", "--bundle", tiny_bundle_path).stdout
    assert "40 from drawn" in text
    assert "MIT" in text
    card = json.loads(run("info", "--json", "--bundle", tiny_bundle_path).stdout)
    assert card["data"]["count"] == 40


def test_what_cannot_be_done_is_said_in_a_sentence(tiny_bundle_path: Path, tmp_path: Path) -> None:
    given = ("--bundle", tiny_bundle_path)
    (tmp_path / "text.png").write_text("hello")
    assert "no bundle folder" in refused("icon", "--bundle", tmp_path / "nothing")
    assert "unknown" in refused("icon", "--device", "toaster", *given)
    assert "at most 100 characters" in refused("icon", "--seed", "x" * 101, *given)
    assert "cannot be written" in refused("icon", "-o", tmp_path / "no" / "folder.png", *given)
    assert "cannot be written" in refused("icon", "-o", tmp_path, *given)
    assert "not both" in refused("neighbors", "--seed", "1", "--picture", tmp_path / "text.png", *given)
    assert "text.png" in refused("invert", tmp_path / "text.png", *given)
    assert "text.png" in refused("neighbors", "--picture", tmp_path / "text.png", *given)
    assert "gone.png" in refused("neighbors", "--picture", tmp_path / "gone.png", *given)
    for option in (("--size", "0"), ("--size", "4097"), ("--wildness", "-1"), ("--wildness", "151")):
        refused("icon", *option, *given)


def test_a_damaged_bundle_is_refused_at_the_door(tiny_bundle_path: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(tiny_bundle_path, tmp_path / "bundle"))
    weights = bundle / "generator.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    for command in ("icon", "grid", "neighbors", "info"):
        assert "damaged" in refused(command, "--bundle", bundle)


def test_a_seed_that_is_no_text_is_drawn_too(tiny_bundle_path: Path, tmp_path: Path) -> None:
    result = run("icon", "--seed", "\udcff", "--size", "1", "--bundle", tiny_bundle_path, "-o", tmp_path / "one.png")
    assert result.exit_code == 0, result.output
    assert "seed ?" in result.stdout
    with Image.open(tmp_path / "one.png") as image:
        assert image.size == (1, 1)


def test_what_is_not_a_file_is_not_written_to(tiny_bundle_path: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "not a file" in refused("icon", "--bundle", tiny_bundle_path, "-o", pipe)
    assert pipe.is_fifo()


def test_info_survives_a_hostile_bundle(tiny_bundle_path: Path, tmp_path: Path) -> None:
    """Escape codes in the card are refused and reach no terminal; links beside the files are not followed."""
    bundle = Path(shutil.copytree(tiny_bundle_path, tmp_path / "bundle"))
    (bundle / "extra").symlink_to(tmp_path / "nowhere")
    result = run("info", "--bundle", bundle)
    assert result.exit_code == 0, result.output
    card = json.loads((bundle / "card.json").read_text())
    card["data"]["license"] = "MIT\x1b]0;owned\x07"
    (bundle / "card.json").write_text(json.dumps(card))
    sentence = refused("info", "--bundle", bundle)
    assert "license" in sentence
    assert not {"\x1b", "\x07"} & set(sentence)


def test_a_missing_encoder_is_one_sentence(
    tiny_bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generator.neighborhood.load_encoder", lambda: read_encoder(tmp_path / "none.safetensors"))
    result = run("neighbors", "--seed", "1", "--bundle", tiny_bundle_path, "-o", tmp_path / "out.png")
    assert result.exit_code == 2
    assert "the encoder cannot be read" in result.stderr
    assert not (tmp_path / "out.png").exists()
