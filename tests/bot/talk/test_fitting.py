"""Texts keep within Discord's limits, whatever people type and models are called."""

from __future__ import annotations

import ast

import discord
from hypothesis import given
from hypothesis import strategies as st

from bot.talk.buttons import button, layout, option
from bot.talk.choices import offer
from bot.talk.delivery import picture
from bot.talk.fitting import ALT_TEXT, BUTTON, CHOICES, LABEL, LAYOUT, MESSAGE, fit, pages, shares
from generator.seeds import MAX_SEED_TEXT
from tests.bot.world import World
from tests.house import ROOT


@given(st.text(max_size=50), st.integers(1, 60))
def test_a_text_fits_and_begins_as_it_did(text: str, limit: int) -> None:
    fitted = fit(text, limit)
    assert len(fitted) <= limit
    assert fitted == text or (fitted.endswith("…") and text.startswith(fitted[:-1]))


@given(st.lists(st.text(min_size=1, max_size=30), max_size=8), st.integers(10, 40))
def test_paragraphs_go_on_in_next_messages(paragraphs: list[str], limit: int) -> None:
    found = list(pages(paragraphs, limit, between="\n\n"))
    assert all(1 <= len(page) <= limit for page in found)
    assert "\n\n".join(found) == "\n\n".join(fit(each, limit) for each in paragraphs)


@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=6), st.integers(1, 90))
def test_texts_of_a_layout_share_its_limit(texts: list[str], limit: int) -> None:
    shared = list(shares(texts, limit))
    assert sum(map(len, shared)) <= limit + len(texts)
    assert all(shared)
    if sum(map(len, texts)) <= limit:
        assert shared == texts


def test_all_that_cards_are_made_of_fits() -> None:
    long = "x" * 9000
    texts = [discord.ui.TextDisplay[discord.ui.LayoutView](long) for _ in range(2)]
    view = layout(*texts, picture("a.png", long), discord.ui.ActionRow(button(long, "a")))
    shown = [item.content for item in view.walk_children() if isinstance(item, discord.ui.TextDisplay)]
    assert sum(map(len, shown)) <= LAYOUT + 1
    (gallery,) = (item for item in view.walk_children() if isinstance(item, discord.ui.MediaGallery))
    assert len(gallery.items[0].description or "") == ALT_TEXT
    (pressed,) = (item for item in view.walk_children() if isinstance(item, discord.ui.Button))
    assert len(pressed.label or "") == BUTTON
    chosen = option(long, "a", long)
    assert (len(chosen.label), len(chosen.description or "")) == (LABEL, LABEL)
    offered = offer("", ((long, str(number)) for number in range(99)))
    assert (len(offered), len(offered[0].name)) == (CHOICES, LABEL)


async def test_icon_info_of_long_seeds_fits(world: World) -> None:
    icon = await world.icon(seed="ß" * MAX_SEED_TEXT)
    sheet = (await world.asker.click(icon, label="Vary")).response
    assert sheet is not None
    result = await world.asker.context_menu(world.channel, "Icon info", sheet)
    assert result.response is not None
    told = [result.response.content, *(each.content for each in result.followups)]
    assert all(len(each) <= MESSAGE for each in told)
    assert sum(each.count("ß" * 90) for each in told) == 9


def test_a_model_list_of_long_names_goes_on_in_a_next_message() -> None:
    lines = ["`" + "x" * 200 + "`"] * 15
    assert [len(page) for page in pages(lines, between="\n")] == [9 * 202 + 8, 6 * 202 + 5]


def test_nobody_else_cuts_texts() -> None:
    """Slices from the beginning to a number, in files that show something, are counted by hand: `fit` does that."""
    found = []
    for file in sorted((ROOT / "bot").rglob("*.py")):
        if file.name not in ("card.py", "command.py", "buttons.py", "use.py", "answering.py", "delivery.py"):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Slice) and node.lower is None and isinstance(node.upper, ast.Constant):
                value = node.upper.value
                if isinstance(value, int) and value > 9:
                    found.append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert not found
