"""Icons put to use in a server: the button, its form, and every way in which it can end."""

from __future__ import annotations

import asyncio
import base64
import io
import os
from typing import Any

import discord
import pytest
import simcord
from PIL import Image
from simcord.backend.cdn import CDN_BASE

from bot.icons import use
from bot.icons.service import IconService
from bot.icons.use import EMOJI_SIZE, STICKER_SIZE, suggest_name
from bot.models.library import ModelLibrary
from bot.preview.stage import let_it_change_its_picture
from generator.pictures import png
from generator.seeds import Near, Seed
from tests.bot.world import World, private, words

MAKER = discord.Permissions(create_expressions=True)
KEEPER = discord.Permissions(create_expressions=True, manage_guild=True)


def member(world: World, permissions: discord.Permissions) -> simcord.MemberActor:
    """Somebody with these permissions."""
    role = world.guild.create_role("Some role", permissions=permissions)
    return world.guild.add_member(world.env.create_user("maker"), roles=[role])


async def fill_in(
    world: World, person: simcord.MemberActor, kind: str, name: str | None = None, seed: str = "Red fox!"
) -> str:
    """Ask for an icon, press the button, send the form: what the person is told."""
    shown = await person.click(await world.icon(seed=seed), label="Use it")
    return await send(person, shown, kind, name)


async def send(person: simcord.MemberActor, shown: simcord.InteractionResult, kind: str, name: str | None) -> str:
    """Send the form as it is, or with another name in it."""
    assert shown.modal is not None
    filled = {"as": kind}
    if name is not None or "name" in fields(shown):
        filled["name"] = fields(shown)["name"]["value"] if name is None else name
    return private(await person.submit_modal(shown, filled))


def fields(shown: simcord.InteractionResult) -> dict[str, dict[str, Any]]:
    """The form's fields by their ids."""
    assert shown.modal is not None
    found = [label["component"] for label in shown.modal["components"]]
    return {str(each["custom_id"]): each for each in found}


def guild(world: World) -> discord.Guild:
    """The server as the bot sees it."""
    found = world.client.get_guild(world.guild.id)
    assert found is not None
    return found


def sent(world: World, path: str) -> list[Any]:
    """The requests to a path that Discord got."""
    return [each for each in world.env.backend.http_requests if each.path.endswith(path) and each.method != "GET"]


def picture(data: bytes) -> tuple[str | None, tuple[int, int]]:
    """The kind and the size of a picture."""
    with Image.open(io.BytesIO(data)) as opened:
        return opened.format, opened.size


async def test_an_icon_becomes_an_emoji_also_after_a_restart(world: World) -> None:
    maker, card = member(world, MAKER), await world.icon(seed="Red fox!")
    await world.restart()
    shown = await maker.click(card, label="Use it")
    assert [option["value"] for option in fields(shown)["as"]["options"]] == ["emoji", "sticker"]
    assert fields(shown)["name"]["value"] == "Red_fox"
    await world.restart()  # while the person is typing
    answer = await send(maker, shown, "emoji", None)
    (emoji,) = await guild(world).fetch_emojis()
    assert answer == f"Done: <:Red_fox:{emoji.id}> is an emoji of this server now. Type `:Red_fox:`."
    (request,) = sent(world, "/emojis")
    kind, _, data = request.json["image"].partition(";base64,")
    assert (kind, picture(base64.b64decode(data))) == ("data:image/png", ("PNG", (128, 128)))
    version = world.service(ModelLibrary).active.version
    assert request.reason.startswith("For maker")
    assert request.reason.endswith(f"({maker.id}): seed Red fox!, model {version}")


async def test_an_icon_becomes_a_sticker(world: World) -> None:
    answer = await fill_in(world, member(world, MAKER), "sticker", "Der Fuchs")
    assert answer == "Done: `Der Fuchs` is a sticker of this server now."
    (sticker,) = await guild(world).fetch_stickers()
    assert (sticker.name, sticker.emoji) == ("Der Fuchs", "🎨")
    version = world.service(ModelLibrary).active.version
    assert sticker.description == f"Generated icon, seed Red fox!, model {version}"
    (stored,) = world.env.backend.get_guild(world.guild.id).stickers.values()
    assert stored.url is not None
    data = await world.client.http.get_from_cdn(stored.url)
    assert picture(data) == ("PNG", (320, 320))


async def test_an_icon_becomes_the_bots_picture_there_and_the_usual_one_comes_back(world: World) -> None:
    let_it_change_its_picture(world.env, world.client)
    backend, keeper = world.env.backend, member(world, discord.Permissions(manage_guild=True))
    me = backend.get_guild(world.guild.id).members[backend.bot_user.id]
    assert await fill_in(world, keeper, "avatar") == "Done: this icon is Mojigan's avatar in this server now."
    data = backend.cdn.get(f"{CDN_BASE}/guilds/{world.guild.id}/users/{me.user_id}/avatars/{me.avatar}.png")
    assert data is not None
    assert picture(data) == ("PNG", (512, 512))
    assert await fill_in(world, keeper, "usual") == "Done: Mojigan has its usual avatar in this server again."
    assert me.avatar is None


async def test_who_may_choose_what(world: World) -> None:
    card = await world.icon(seed="42")
    answer = private(await world.asker.click(card, label="Use it"))
    assert answer == "For this you need: Create Expressions."
    shown = await member(world, KEEPER).click(card, label="Use it")
    assert [option["value"] for option in fields(shown)["as"]["options"]] == ["emoji", "sticker", "avatar", "usual"]
    shown = await member(world, discord.Permissions(manage_guild=True)).click(card, label="Use it")
    assert fields(shown).keys() == {"as"}


async def test_a_permission_that_was_taken_away_meanwhile_counts(world: World) -> None:
    maker = member(world, MAKER)
    shown = await maker.click(await world.icon(seed="42"), label="Use it")
    for role in world.env.backend.get_guild(world.guild.id).roles.values():
        role.permissions &= ~MAKER.value
    assert await send(maker, shown, "emoji", "fox") == "For this you need: Create Expressions."
    assert sent(world, "/emojis") == []


async def test_the_bot_says_what_it_lacks(world: World) -> None:
    backend = world.env.backend
    own = next(each for each in backend.get_guild(world.guild.id).roles.values() if each.managed)
    own.permissions &= ~discord.Permissions(create_expressions=True).value
    assert await fill_in(world, member(world, MAKER), "emoji") == (
        "I cannot do that in this server. Please ask an administrator to give me: Create Expressions."
    )


@pytest.mark.parametrize(
    ("kind", "name", "sentence"),
    [
        ("emoji", "böse", "`böse` cannot be the name of an emoji: it takes 2 to 32 of a-z, A-Z, 0-9 and _."),
        ("emoji", "x", "`x` cannot be the name of an emoji: it takes 2 to 32 of a-z, A-Z, 0-9 and _."),
        ("sticker", "x" * 31, f"`{'x' * 31}` cannot be the name of a sticker: it takes 2 to 30 characters."),
    ],
)
async def test_names_are_checked_first(world: World, kind: str, name: str, sentence: str) -> None:
    assert await fill_in(world, member(world, KEEPER), kind, name) == sentence
    assert sent(world, f"/{kind}s") == []


async def test_without_a_name_the_seed_gives_one(world: World) -> None:
    assert "Type `:icon_42:`." in await fill_in(world, member(world, MAKER), "emoji", " ", seed="42")


async def test_slots_are_counted_first(world: World) -> None:
    backend, maker = world.env.backend, member(world, MAKER)
    for number in range(50):
        backend.create_emoji(world.guild.id, f"e{number}", maker.id, animated=number == 0)
    for number in range(5):
        backend.create_sticker(world.guild.id, f"s{number}", maker.id)
    assert (await fill_in(world, maker, "emoji")).startswith("Done: ")
    assert await fill_in(world, maker, "emoji") == (
        "This server has no room for another emoji. Please delete one first."
    )
    assert await fill_in(world, maker, "sticker") == (
        "This server has no room for another sticker. Please delete one first."
    )
    assert (len(sent(world, "/emojis")), len(sent(world, "/stickers"))) == (1, 0)


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (400, 30008, "This server has no room for another emoji. Please delete one first."),
        (400, 30039, "This server has no room for another sticker. Please delete one first."),
        (400, 50035, "Discord refuses it: `not like this`"),
        (403, 50013, "Discord does not let me do that here (error "),
        (500, 0, "Discord had a problem just now (error "),
    ],
)
async def test_what_discord_refuses_is_told(world: World, status: int, code: int, sentence: str) -> None:
    world.env.inject_error("POST", "/guilds/*/emojis", status=status, code=code, message="not like this")
    assert (await fill_in(world, member(world, MAKER), "emoji")).startswith(sentence)


async def test_a_rate_limit_is_told_in_minutes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def limited(*_: Any, **__: Any) -> None:
        raise discord.RateLimited(1801)

    monkeypatch.setattr(world.client.http, "create_custom_emoji", limited)
    assert await fill_in(world, member(world, MAKER), "emoji") == (
        "Discord takes no more of these from me for now. Please try again in 31 min."
    )


async def test_it_never_hangs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: Any, **__: Any) -> None:
        world.env.backend.clock.advance(use.PATIENCE)
        await asyncio.Event().wait()

    monkeypatch.setattr(world.client.http, "create_custom_emoji", never)
    assert (await fill_in(world, member(world, MAKER), "emoji")).startswith("Discord takes too long, ")


async def test_it_is_refused_where_there_is_no_server(world: World) -> None:
    user = world.asker.user
    result = await user.slash("icon", seed="42")
    assert result.response is not None
    assert private(await user.click(result.response, label="Use it")) == (
        "An icon can be put to use in a server that I am a member of. Please ask for one there."
    )


async def test_an_icon_that_was_deleted_meanwhile(world: World) -> None:
    maker, card = member(world, MAKER), await world.icon(seed="42")
    shown = await maker.click(card, label="Use it")
    await world.service(IconService).delete(1, by=world.asker.id)
    assert await send(maker, shown, "emoji", "fox") == (
        "This icon is no longer in the database. Type /icon for a new one."
    )


async def test_a_sheet_is_opened_first(world: World) -> None:
    sheet = await world.icon(seed="42", count=4)
    assert "Seeds" in words(sheet)
    with pytest.raises(simcord.SetupError):
        await world.asker.click(sheet, label="Use it")


@pytest.mark.parametrize(
    ("seed", "name"),
    [
        (Seed.parse("42"), "icon_42"),
        (Seed.parse("crème brûlée"), "creme_brulee"),
        (Seed.parse("x" * 60), "x" * 30),
        (Seed.parse("é"), f"icon_{Seed.parse('é').number}"),
        (Seed.parse("狐"), f"icon_{Seed.parse('狐').number}"),
        (Seed("fox", 7, Near("3", 0.5)), "fox"),
    ],
)
def test_suggested_names_fit_both(seed: Seed, name: str) -> None:
    assert suggest_name(seed) == name
    assert use.EMOJI_NAME.fullmatch(name)
    assert len(name) <= use.STICKER_NAME[1]


@pytest.mark.parametrize(("size", "limit"), [(EMOJI_SIZE, 256 * 1024), (STICKER_SIZE, 512 * 1024)])
def test_even_noise_stays_below_discords_limits(size: int, limit: int) -> None:
    noise = Image.frombytes("RGB", (size, size), os.urandom(size * size * 3))
    assert len(png(noise, {"Seed": "狐" * 100})) < limit
