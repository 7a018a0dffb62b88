"""Cards of bundles: each value within its bounds, each wrong one named, nothing quoted that harms a terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generator.checkpoint import read_bundle
from generator.files import CARD, FORMAT_VERSION, ICONS, BundleError
from tests.generator.forged import change_card, refused


def test_a_card_without_held_out_icons_is_read(bundle: Path) -> None:
    change_card(bundle, lambda card: card["data"].pop("held_out"))
    assert read_bundle(bundle).card.data.held_out == 0


def test_a_card_without_an_author_is_read_and_one_with_an_author_credits_it(bundle: Path) -> None:
    change_card(bundle, lambda card: card["data"].pop("author"))
    assert read_bundle(bundle).card.data.credit == "MIT"
    change_card(bundle, lambda card: card["data"].update(author="Ann"))
    assert read_bundle(bundle).card.data.credit == "MIT, by Ann"


def test_a_future_format_version_says_update(bundle: Path) -> None:
    change_card(bundle, lambda card: card.update(format_version=FORMAT_VERSION + 1, something="new"))
    assert "update Mojigan" in refused(bundle)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda card: card.pop("format_version"), "names no format version"),
        (lambda card: card.update(format_version="1"), "names no format version"),
        (lambda card: card.update(format_version=True), "names no format version"),
        (lambda card: card.update(format_version=0), "version 0"),
        (lambda card: card.update(kimg=-1), "kimg"),
        (lambda card: card.update(truncation=float("nan")), "truncation"),
        (lambda card: card.update(extra=1), "extra"),
        (lambda card: card.update(architecture="unet"), "unknown"),
        (lambda card: card["network"].update(width=10**9), "steps of 8"),
        (lambda card: card["network"].update(width=12), "steps of 8"),
        (lambda card: card["network"].update(channels=2), "2 channels"),
        (lambda card: card["network"].update(attention_limit=64), "attention limit"),
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
        *(
            (lambda card, name=name: card["data"].update({name: "\x1b[31m"}), f"data.{name}")
            for name in ("name", "license", "author")
        ),
        *(
            (lambda card, name=name, value=value: card["data"].update({name: value}), f"data.{name}")
            for name, value in (
                *(("name", "\x80"), ("name", "\x9f"), ("license", "\x7f"), ("author", "\x1f"), ("name", "x" * 301)),
                *(
                    ("license", "x" * 1001),
                    ("author", "x" * 1001),
                    ("count", 0),
                    ("held_out", -1),
                    ("digest", "0" * 63),
                ),
                *(("digest", "0" * 65), ("digest", "A" * 64)),
            )
        ),
        *(
            (lambda card, name=name, value=value: card.update({name: value}), name)
            for name, value in (
                *((each, "\x1b[31m") for each in ("preset", "encoder", "created", "code_version", "background")),
                *(("created", "x" * 1000), ("truncation", 0), ("truncation", 1.5), ("plainest", 2**63)),
                *(("started_from", "abc"), ("sheet_held_out", 10**9), ("kimg", float("inf"))),
                *(("sheet_icons", 0), ("sheet_held_out", -1), ("plainest", -1), ("threshold", 0), ("threshold", 1.1)),
                *(("encoder", "x" * 65), ("preset", "x" * 101), ("code_version", "x" * 101), ("created", "x" * 41)),
                *(("background", value) for value in ("red", "#FFFFFF", "#fffffff", "transparent ")),
                *(("started_from", "0" * 63), ("metrics", {"x" * 41: {"value": 1, "real": 1}})),
                ("metrics", {str(number): {"value": 1, "real": 1} for number in range(65)}),
            )
        ),
        (lambda card: card["network"].update(channels=4), "do not go with the background"),
    ],
)
def test_a_wrong_card_says_what_is_wrong(bundle: Path, change: Callable[[dict[str, Any]], object], said: str) -> None:
    change_card(bundle, change)
    assert said in refused(bundle)


def test_texts_that_are_as_long_as_may_be_are_read(bundle: Path) -> None:
    texts = {"name": "\xa0" + "x" * 299, "license": "x" * 1000, "author": "~" * 1000}
    change_card(bundle, lambda card: card["data"].update(texts))
    data = read_bundle(bundle).card.data
    assert {name: getattr(data, name) for name in texts} == texts


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
