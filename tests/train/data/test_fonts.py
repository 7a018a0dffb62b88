"""Emoji fonts: a small one made here, and Noto Color Emoji where the machine has it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont, features

from generator.decode import TRANSPARENT
from tests.train.data.emoji_font import SIZE, write_font
from train.data.emoji import EMOJI_LIST, GROUPS, Emoji, read_emoji
from train.data.fonts import FontError, draw_emoji, is_font, open_font
from train.data.reading import Why

WHITE = (255, 255, 255)
NOTO = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
needs_noto = pytest.mark.skipif(not NOTO.exists(), reason="Noto Color Emoji (fonts-noto-color-emoji) is not installed")
needs_raqm = pytest.mark.skipif(not features.check("raqm"), reason="this Pillow has no Raqm")


def half_red() -> Image.Image:
    """Red on the left; transparent on the right, with green hidden there."""
    picture = Image.new("RGBA", (SIZE, SIZE), (0, 255, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, SIZE // 2, SIZE))
    return picture


def test_the_list_of_emoji_has_every_group_and_neither_flags_nor_skin_tones() -> None:
    emojis = read_emoji()
    assert 1600 < len(emojis) < 1700
    assert {emoji.group for emoji in emojis} == set(GROUPS)
    assert len({emoji.text for emoji in emojis}) == len(emojis)
    assert all("flag:" not in emoji.name and "skin tone" not in emoji.name for emoji in emojis)


def test_groups_are_those_that_people_mean() -> None:
    groups = {emoji.name: emoji.group for emoji in read_emoji()}
    wanted = {
        "grinning face": "faces",
        "grinning cat": "animals",
        "see-no-evil monkey": "animals",
        "red heart": "symbols",
        "waving hand": "people",
        "dog face": "animals",
        "red apple": "food",
        "rocket": "travel",
        "soccer ball": "activities",
        "laptop": "objects",
        "keycap: 1": "symbols",
    }
    assert {name: groups[name] for name in wanted} == wanted
    assert 110 <= sum(group == "faces" for group in groups.values()) <= 130


def test_the_whole_list_of_unicode_could_take_its_place(tmp_path: Path) -> None:
    """Lines that the shipped file leaves out are skipped on reading."""
    path = tmp_path / "emoji-test.txt"
    more = (
        "\n# group: People & Body\n# subgroup: hand-fingers-open\n"
        "1F44B 1F3FB ; fully-qualified # 👋🏻 E1.0 waving hand: light skin tone\n"
        "263A        ; unqualified     # ☺ E0.6 smiling face\n"
        "# group: Component\n# subgroup: skin-tone\n1F3FB ; component # 🏻 E1.0 light skin tone\n"
        "# group: Flags\n# subgroup: flag\n1F3C1 ; fully-qualified # 🏁 E0.6 chequered flag\n"
    )
    path.write_text(EMOJI_LIST.read_text(encoding="utf-8") + more, encoding="utf-8")
    assert read_emoji(path) == read_emoji()


def test_a_font_is_drawn_at_its_own_size_on_the_background(tmp_path: Path) -> None:
    font = open_font(write_font(tmp_path / "x.ttf", {"😀": half_red()}))
    assert (font.name, font.license, font.size) == ("Test Emoji", "OFL-1.1", SIZE)
    ((_, picture),) = draw_emoji(font, [Emoji("😀", "grinning face", "faces")], (0, 0, 255))
    assert isinstance(picture, Image.Image)
    pixels = np.asarray(picture)
    assert pixels.shape == (SIZE, SIZE, 3)
    assert (pixels[:, : SIZE // 2] == (255, 0, 0)).all()
    assert (pixels[:, SIZE // 2 :] == (0, 0, 255)).all()


def test_soft_edges_mix_with_the_background_and_not_with_black(tmp_path: Path) -> None:
    soft = Image.new("RGBA", (SIZE, SIZE), (255, 0, 0, 128))
    font = open_font(write_font(tmp_path / "x.ttf", {"😀": soft}))
    ((_, picture),) = draw_emoji(font, [Emoji("😀", "grinning face", "faces")], WHITE)
    assert isinstance(picture, Image.Image)
    assert np.abs(np.asarray(picture).astype(int) - (255, 127, 127)).max() <= 2


def test_emoji_that_the_font_lacks_are_told(tmp_path: Path) -> None:
    font = open_font(write_font(tmp_path / "x.ttf", {"😀": half_red(), "👩": half_red()}))
    emojis = [Emoji("😀", "has", "faces"), Emoji("🚀", "lacks", "travel"), Emoji("👩\u200d🚀", "cannot join", "people")]
    drawn = {emoji.name: picture for emoji, picture in draw_emoji(font, emojis, WHITE)}
    assert isinstance(drawn.pop("has"), Image.Image)
    assert drawn == {"lacks": Why.LACKING, "cannot join": Why.LACKING}


@pytest.mark.parametrize("background", [WHITE, (0, 0, 0, 0)])
def test_emoji_that_the_font_has_and_that_cannot_be_drawn_are_told_apart(
    tmp_path: Path, background: tuple[int, ...]
) -> None:
    """A font may have some of its glyphs as bitmaps, and others as layers only; here they are empty."""
    path = write_font(tmp_path / "x.ttf", {"😀": half_red(), "🚀": half_red()}, without_picture={"🚀"})
    emojis = [Emoji("😀", "has", "faces"), Emoji("🚀", "empty", "travel"), Emoji("🚁", "lacks", "travel")]
    color = TRANSPARENT if len(background) == 4 else WHITE
    drawn = {emoji.name: picture for emoji, picture in draw_emoji(open_font(path), emojis, color)}
    assert isinstance(drawn.pop("has"), Image.Image)
    assert drawn == {"empty": Why.UNDRAWN, "lacks": Why.LACKING}


def test_without_raqm_sequences_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda _: False)
    font = open_font(write_font(tmp_path / "x.ttf", {"❤": half_red(), "👩": half_red()}))
    assert not font.sequences
    assert font.face.layout_engine == ImageFont.Layout.BASIC
    emojis = [Emoji("❤\ufe0f", "heart", "symbols"), Emoji("👩\u200d❤", "sequence", "people")]
    assert [isinstance(picture, Image.Image) for _, picture in draw_emoji(font, emojis, WHITE)] == [True, False]


@pytest.mark.parametrize(
    ("license_", "found"),
    [
        ("Licensed under the Apache License, Version 2.0", "Apache-2.0"),
        ("All rights reserved.\nMore", "All rights reserved."),
        ("", "unknown"),
    ],
)
def test_the_license_is_read_from_the_font(tmp_path: Path, license_: str, found: str) -> None:
    assert open_font(write_font(tmp_path / "x.ttf", {"😀": half_red()}, license_)).license == found


def test_fonts_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    path = write_font(tmp_path / "x.ttf", {"😀": half_red()})
    good = path.read_bytes()
    assert is_font(good)
    for content, reason in [
        (good[:20], "damaged or cut off"),
        (good.replace(b"sbix", b"COLR"), "which Pillow cannot draw"),
        (good.replace(b"sbix", b"sbox"), "has no colors"),
        (good.replace(b"head", b"HEAD"), "FreeType cannot open the font"),
    ]:
        path.write_bytes(content)
        with pytest.raises(FontError, match=reason):
            open_font(path)


def test_a_damaged_font_never_breaks_it(tmp_path: Path) -> None:
    path = write_font(tmp_path / "x.ttf", {"😀": half_red()})
    good = path.read_bytes()
    random = np.random.default_rng(0)
    outcomes = []
    for _ in range(150):
        data = bytearray(good)
        for position in random.integers(0, len(good) - 300, 6):
            data[position] = random.integers(256)
        path.write_bytes(data)
        try:
            outcomes.append(len(list(draw_emoji(open_font(path), [Emoji("😀", "x", "faces")], WHITE))))
        except FontError:
            outcomes.append(-1)
    assert set(outcomes) == {1, -1}


@needs_noto
@needs_raqm
def test_noto_gives_every_face_and_every_sequence() -> None:
    font = open_font(NOTO)
    assert (font.license, font.size) == ("OFL-1.1", 109)
    emojis = [emoji for emoji in read_emoji() if emoji.group == "faces" or emoji.name.startswith("keycap")]
    emojis += [emoji for emoji in read_emoji() if emoji.name in {"family: man, woman, girl", "woman health worker"}]
    drawn = [picture for _, picture in draw_emoji(font, emojis, WHITE) if isinstance(picture, Image.Image)]
    assert len(drawn) >= len(emojis) - 4  # the newest faces are missing from older fonts
    assert {picture.size for picture in drawn} == {(136, 128)}
    assert len({picture.tobytes() for picture in drawn}) == len(drawn)
    grinning = np.asarray(drawn[0]).astype(int)
    assert (grinning[64, 68] - grinning[64, 68].min())[0] > 100, "the colors of the font are lost"
