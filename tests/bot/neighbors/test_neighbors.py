"""/neighbors and "Is it a copy?", as people use them."""

from __future__ import annotations

import io

import discord
import pytest
import simcord
from PIL import Image, ImageCms

from bot.db.models import GenerationKind
from bot.icons import attached
from bot.models.library import ModelLibrary
from bot.neighbors import command
from bot.talk.brakes import Burst
from bot.talk.words import MessageLink, read_link
from generator.quality import DISTANCE
from tests.bot.world import World, alt_text, choose, for_one, options, private, public, words
from tests.conftest import draw_icon
from tests.generator.formats.samples import encode, p3

MENU = "Is it a copy?"
COPY = "Practically a copy of a training icon."


def link_to(world: World, message: simcord.ResponseMessage) -> str:
    return f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{message.id}"


def saved(icon: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    icon.save(buffer, kind)
    return buffer.getvalue()


async def test_a_seed_is_compared_for_all_to_see(world: World) -> None:
    card = public(await world.asker.slash(world.channel, "neighbors", seed="42"))
    version = world.service(ModelLibrary).active.version
    title, verdict, scale = words(card).splitlines()
    assert title == f"Seed `42` · Model `{version}`, beside the training icons most like it"
    assert verdict.endswith(".")
    assert scale == f"-# Distance {DISTANCE}"
    assert alt_text(card).startswith("Generated icon, seed 42, beside its 3 nearest training icons, at distances ")
    with Image.open(io.BytesIO(await world.picture(card))) as picture:
        assert picture.format == "PNG"
    (row,) = await world.rows()
    assert (row.kind, row.seed, row.message_id) == (GenerationKind.NEIGHBORS, 42, card.id)


async def test_it_can_be_kept_private(world: World) -> None:
    card = for_one(await world.asker.slash(world.channel, "neighbors", seed="42", private=True))
    assert words(card).startswith("Seed `42`")
    assert (await world.rows())[0].message_id is None


@pytest.mark.parametrize("form", ["link", "id", "pair", "pointed"])
async def test_a_message_is_named_by_its_link_or_its_id(world: World, form: str) -> None:
    icon = await world.icon(seed="42", wildness=30)
    link = link_to(world, icon)
    text = {"link": link, "id": str(icon.id), "pair": f"{world.channel.id}-{icon.id}", "pointed": f" <{link}>"}[form]
    card = public(await world.other.slash(world.channel, "neighbors", message=text))
    pressed = (await world.other.click(icon, label="Is it a copy?")).response
    assert pressed is not None
    assert await world.picture(card) == await world.picture(pressed)
    assert len(await world.rows()) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("123456789012345678", MessageLink(123456789012345678)),
        ("https://canary.discord.com/channels/1/2/123456789012345678", MessageLink(123456789012345678, 1, True)),
        ("https://discord.com/channels/@me/2/123456789012345678", MessageLink(123456789012345678, None, True)),
        ("99999999999999999999", None),
        ("https://example.com/channels/1/2/123456789012345678", None),
        ("123", None),
        ("hello", None),
    ],
)
def test_links_are_read(text: str, found: MessageLink | None) -> None:
    assert read_link(text) == found


async def test_what_is_no_link_is_refused(world: World) -> None:
    answer = private(await world.asker.slash(world.channel, "neighbors", message="yesterday's"))
    assert answer == "I do not understand this message: paste its link (Copy Message Link) or its id."


async def test_icons_of_another_server_are_not_shown(world: World) -> None:
    icon = await world.icon(seed="42")
    elsewhere = world.env.create_guild("Other server")
    channel = elsewhere.create_text_channel("icons")
    member = elsewhere.add_member(world.asker.user)
    by_link = private(await member.slash(channel, "neighbors", message=link_to(world, icon)))
    assert by_link.startswith("That message stands somewhere else")
    for answer in (
        await member.slash(channel, "neighbors", message=str(icon.id)),
        await world.asker.user.slash("neighbors", message=str(icon.id)),
    ):
        assert private(answer) == "I find no icon of mine in that message."


async def test_icons_of_a_channel_that_one_cannot_see_are_not_shown(world: World) -> None:
    everyone = world.guild.default_role
    me = world.guild.me
    assert me is not None
    hidden = world.guild.create_text_channel(
        "hidden",
        overwrites={
            everyone: discord.PermissionOverwrite(view_channel=False),
            me: discord.PermissionOverwrite(view_channel=True, send_messages=True, attach_files=True),
            world.asker: discord.PermissionOverwrite(view_channel=True),
        },
    )
    icon = public(await world.asker.slash(hidden, "icon", seed="42"))
    assert (
        private(await world.other.slash(world.channel, "neighbors", message=str(icon.id)))
        == "I find no icon of mine in that message."
    )
    # Who can see it may look at it alone, but not show it to all who cannot.
    assert (
        private(await world.asker.slash(world.channel, "neighbors", message=str(icon.id)))
        == "I find no icon of mine in that message."
    )
    assert words(for_one(await world.asker.slash(world.channel, "neighbors", message=str(icon.id), private=True)))
    assert words(public(await world.asker.slash(hidden, "neighbors", message=str(icon.id))))


@pytest.mark.parametrize("hidden", [True, False])
async def test_icons_of_an_archived_private_thread_are_not_shown(world: World, hidden: bool) -> None:
    backend = world.env.backend
    backend.create_thread(world.channel.id, "closed", world.asker.id, type=discord.ChannelType.private_thread.value)
    (closed,) = world.channel.threads
    icon = public(await world.asker.slash(closed, "icon", seed="42"))
    assert words(public(await world.asker.slash(closed, "neighbors", message=str(icon.id))))
    guild = world.client.get_guild(world.guild.id)
    assert guild is not None
    backend.edit_channel(closed.id, {}, thread_metadata={"archived": True})
    await world.env.settle()
    assert guild.get_thread(closed.id) is None
    assert (
        private(await world.other.slash(world.channel, "neighbors", message=str(icon.id), private=hidden))
        == "I find no icon of mine in that message."
    )


async def test_of_a_sheet_one_icon_has_to_be_chosen(world: World) -> None:
    sheet = await world.icon(seed="10", count=4)
    assert (
        private(await world.asker.slash(world.channel, "neighbors", message=str(sheet.id)))
        == "That message holds 4 icons. Open one of them below it, or type its seed."
    )
    opened = public(await choose(world.asker, sheet, options(sheet)[0]["value"]))
    assert "Seed `10`" in words(public(await world.asker.slash(world.channel, "neighbors", message=str(opened.id))))


async def test_a_deleted_icon_is_not_found(world: World) -> None:
    icon = await world.icon(seed="42")
    await world.asker.click(icon, label="Delete")
    assert (
        private(await world.asker.slash(world.channel, "neighbors", message=str(icon.id)))
        == "I find no icon of mine in that message."
    )


@pytest.mark.parametrize("given", [{}, {"seed": "1", "message": "123456789012345678"}])
async def test_exactly_one_thing_is_compared(world: World, given: dict[str, str]) -> None:
    answer = private(await world.asker.slash(world.channel, "neighbors", **given))
    assert answer == "Choose exactly one thing to compare: a seed, a message or a picture."


async def test_an_attached_training_icon_is_called_a_copy(world: World) -> None:
    large = draw_icon(9).resize((256, 256), Image.Resampling.BICUBIC)
    given = ("nine.jpg", saved(large, "JPEG"))
    card = public(await world.asker.slash(world.channel, "neighbors", picture=given))
    version = world.service(ModelLibrary).active.version
    assert words(card).splitlines()[:2] == [
        f"`nine.jpg` beside the training icons of model `{version}` most like it",
        COPY,
    ]
    assert alt_text(card).startswith("The picture nine.jpg, beside its 3 nearest training icons, at distances 0.0")
    assert await world.rows() == []


async def test_a_strange_picture_is_far_from_all(world: World) -> None:
    given = ("black.png", saved(Image.new("RGB", (64, 64))))
    card = public(await world.asker.slash(world.channel, "neighbors", picture=given))
    assert "No copy: less like any training icon than real icons are like each other." in words(card)


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.png", b"hello", "a.png is no picture that I can read. Please use PNG, JPEG, GIF, WebP or AVIF."),
        ("a.svg", b"<svg/>", "a.svg is an SVG drawing, which has no pixels. Please export it as PNG."),
        ("a.png", saved(draw_icon(1))[:300], "a.png is damaged or cut off. Please upload it again."),
        (
            "a.png",
            saved(Image.new("1", (9_000, 9_000))),
            "a.png has too many pixels for me. Please make it smaller.",
        ),
    ],
    ids=["text", "drawing", "cut", "bomb"],
)
async def test_a_file_that_is_no_picture_is_refused(world: World, name: str, data: bytes, sentence: str) -> None:
    assert private(await world.asker.slash(world.channel, "neighbors", picture=(name, data))) == sentence


async def test_a_large_file_is_refused_before_it_is_fetched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fetched(_: discord.Attachment) -> bytes:
        raise AssertionError

    monkeypatch.setattr(attached, "PICTURE_LIMIT", 2**20)
    monkeypatch.setattr(command, "fetch", fetched)
    answer = private(await world.asker.slash(world.channel, "neighbors", picture=("a.png", bytes(2**20 + 1))))
    assert answer == "This file has 1.0 MiB, and I look at pictures of up to 1 MiB. Please make it smaller."


async def test_the_menu_of_a_card_answers_its_user_alone(world: World) -> None:
    icon = await world.icon(seed="42")
    card = for_one(await world.other.context_menu(world.channel, MENU, icon))
    assert words(card).startswith("Seed `42` · Model")


async def test_the_menu_works_on_anybodys_picture(world: World) -> None:
    message = await world.other.send(world.channel, attachments=[("nine.png", saved(draw_icon(9)))])
    card = for_one(await world.asker.context_menu(world.channel, MENU, message))
    assert COPY in words(card)


async def test_a_screenshot_of_a_training_icon_is_known_as_a_copy(world: World) -> None:
    """Large, and in the colors of a screen that shows more of them than sRGB has."""
    screen, large = (
        ImageCms.ImageCmsProfile(io.BytesIO(p3())),
        draw_icon(25).resize((256, 256), Image.Resampling.BICUBIC),
    )
    shot = ImageCms.profileToProfile(large, ImageCms.createProfile("sRGB"), screen)
    assert shot is not None
    assert shot.tobytes() != large.tobytes()
    cards = [
        public(
            await world.asker.slash(
                world.channel, "neighbors", picture=("shot.png", encode(shot, "PNG", icc_profile=profile))
            )
        )
        for profile in (screen.tobytes(), None)
    ]
    assert COPY in words(cards[0])
    managed, bare = (float(alt_text(card).partition(" at distances ")[2].split(",")[0]) for card in cards)
    assert managed < bare / 2


@pytest.mark.parametrize("count", [0, 2])
async def test_the_menu_needs_exactly_one_picture(world: World, count: int) -> None:
    files = [(f"{i}.png", saved(draw_icon(i))) for i in range(count)]
    message = await world.other.send(world.channel, "look", attachments=files)
    answer = for_one(await world.asker.context_menu(world.channel, MENU, message))
    assert answer.content == "That message holds no icon of mine, and not exactly one picture."


async def test_bursts_are_slowed_down(world: World) -> None:
    world.client.services.add(Burst(limit=1, seconds=20, now=lambda: 0.0))
    await world.asker.slash(world.channel, "neighbors", seed="1")
    answer = private(await world.asker.slash(world.channel, "neighbors", seed="1"))
    assert answer == "One moment: you can go on in 20 s."


async def test_where_the_bot_may_not_post_only_private_answers_are_given(world: World) -> None:
    me = world.guild.me
    assert me is not None
    quiet = world.guild.create_text_channel("quiet", overwrites={me: discord.PermissionOverwrite(send_messages=False)})
    answer = private(await world.asker.slash(quiet, "neighbors", seed="1"))
    assert answer == "I cannot post here. Please ask a moderator to give me: Send Messages."
    assert for_one(await world.asker.slash(quiet, "neighbors", seed="1", private=True))


async def test_both_are_for_servers_people_and_direct_messages(world: World) -> None:
    (sent,) = [entry.json for entry in world.env.http_requests if entry.method == "PUT"]
    assert sent is not None
    for each in (one for one in sent if one["name"] in ("neighbors", MENU)):
        assert (each["contexts"], each["integration_types"]) == ([0, 1, 2], [0, 1])
