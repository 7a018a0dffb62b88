"""/icon like: and emoji: the icon that is nearest to a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bot.db.models import GenerationKind
from bot.icons import likeness
from bot.icons.service import IconService
from bot.models.library import ModelLibrary
from generator.transparency import as_pixels
from tests.bot.neighbors.test_neighbors import saved
from tests.bot.world import World, choose, for_one, options, private, public, words
from tests.conftest import draw_icon


@pytest.fixture(autouse=True)
def _briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "STEPS", 10)


async def test_a_picture_gives_the_nearest_icon_and_variations_that_can_be_typed(world: World) -> None:
    studio = world.service(ModelLibrary).active.studio
    (target,) = studio.draw([777])
    card = public(await world.asker.slash(world.channel, "icon", like=("mine.png", saved(target))))
    rows = await world.rows()
    assert [(row.kind, row.near_path, row.truncation) for row in rows] == [
        (GenerationKind.LIKE, path, 1.0) for path in (None, "1", "2", "3")
    ]
    name = rows[0].seed_text
    assert words(card).splitlines()[0].startswith(f"Seeds `{name}` to `{name} ~3` · Model ")
    assert words(card).splitlines()[1] == (
        f"-# As near to `mine.png` as I can draw, and variations of that, for {world.asker.mention}"
    )
    await world.restart()
    opened = public(await choose(world.other, card, options(card)[0]["value"]))
    found = await world.picture(opened)
    assert await world.picture(await world.icon(seed=name)) == found
    view = await world.service(IconService).load(rows[0].id)
    assert view is not None
    nearest, *others = [as_pixels(icon) for icon in studio.draw([view.seed, *range(1_000, 1_020)], 1.0)]
    distances = [float(np.abs(each - as_pixels(target).astype(float)).mean()) for each in (nearest, *others)]
    assert distances[0] < min(distances[1:])


async def test_below_it_there_are_more_variations_of_it(world: World) -> None:
    card = public(await world.asker.slash(world.channel, "icon", like=("mine.png", saved(draw_icon(3)))))
    name = (await world.rows())[0].seed_text
    more = public(await world.other.click(card, label="More variations"))
    assert words(more).splitlines()[0].startswith(f"Variations 4 to 7 of `{name}` · ")
    assert words(more).splitlines()[1].startswith("-# More variations of [seed `like-")
    further = public(await world.other.click(more, label="More variations"))
    assert words(further).splitlines()[0].startswith(f"Variations 8 to 11 of `{name}` · ")
    assert len({row.icon for row in await world.rows()}) == 4 + 4 + 4


async def test_a_custom_emoji_is_a_picture(world: World) -> None:
    emoji = world.guild.create_emoji("happy")
    world.env.backend.cdn._blobs[f"https://cdn.discordapp.com/emojis/{emoji.id}.png"] = saved(draw_icon(3))
    card = for_one(await world.asker.slash(world.channel, "icon", emoji=f"<:happy:{emoji.id}>", private=True))
    assert "As near to `happy` as I can draw" in words(card)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"emoji": "😀"}, "`😀` is no custom emoji. Choose one of a server from Discord's list."),
        ({"emoji": "<:gone:123456789012345678>"}, "Discord does not hand out that picture (any more)."),
        ({"like": ("a.png", b"hello")}, "a.png is no picture that I can read."),
        ({"like": ("a.png", b"hello"), "seed": "1"}, "A picture or an emoji stands alone"),
        ({"emoji": "<:a:1>", "count": 4}, "A picture or an emoji stands alone"),
    ],
)
async def test_what_is_no_picture_is_refused(world: World, given: dict[str, Any], sentence: str) -> None:
    assert private(await world.asker.slash(world.channel, "icon", **given)).startswith(sentence)
    assert await world.rows() == []
