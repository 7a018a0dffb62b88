"""/retrain and /model as the people who run the bot use them, with a stand-in for the training itself."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from itertools import pairwise
from typing import Any

import discord
import pytest
import simcord
from PIL import Image

from bot.db.retraining import JobState
from bot.models.library import ModelLibrary
from bot.retraining import command, worker
from bot.retraining.jobs import JobOverError
from bot.retraining.process import PROGRESS
from bot.retraining.service import RetrainService
from bot.retraining.worker import Retrainer, _look
from generator.networks.plain import PlainConfig
from tests.bot.retraining.host import WORSE, Host
from tests.bot.world import World, alt_text, labels, name_servers, private, until, words


async def test_a_model_that_is_not_worse_takes_over_and_old_icons_keep_theirs(host: Host) -> None:
    world = host.world
    before = world.service(ModelLibrary).active
    old_icon = await world.icon(seed="42")
    host.plan(waits=True)
    card = await host.retrain(kimg=1.0)
    assert "Icons: the current set · 1 thousand pictures · for " in words(card)
    card = await host.until(card, "▰▰▰▰▰▰▰▰▰▰▱▱▱▱▱▱▱▱▱▱ **50 %**\n0.5 thousand pictures seen · 123 images/s · done <t:")
    assert labels(card) == ["Cancel"]
    await host.until(card, "50 %")
    assert alt_text(await host.until(card, "50 %")) == (
        "Icons of fixed seeds, drawn by the model in training after 0.5 thousand pictures"
    )
    host.go()
    card = await host.until(card, "### Retraining 1 is done", "draws from now on. It is closer to the icons than")
    after = world.service(ModelLibrary).active
    assert after.version != before.version
    assert f"`{after.version}` draws from now on. It is closer to the icons than `{before.version}`." in words(card)
    assert "swd" not in words(card)
    figures = private(await world.other.click(card, label="Figures"))
    assert "`swd`: 2, running model 3, real icons 1" in figures
    assert labels(card) == ["Figures"]
    with Image.open(io.BytesIO(await world.picture(card))) as picture:
        assert picture.height > 2 * 64  # both sheets
    assert f"Model `{after.version}`" in words(await world.icon(seed="42"))
    again = await world.asker.click(old_icon, label="Another")
    assert again.response is not None
    assert f"Model `{before.version}`" in words(again.response)
    answer = private(await host.admin.slash(world.channel, "model rollback"))
    assert answer == f"`{before.version}` draws from now on. Older icons keep their models."
    assert world.service(ModelLibrary).active.version == before.version
    assert private(await host.admin.slash(world.channel, "model use", version=after.version)).startswith(
        f"`{after.version}` draws"
    )
    assert [path.name for path in (world.services.settings.data / "jobs" / "1").iterdir() if path.is_dir()] == []


async def test_a_worse_model_waits_for_a_word(host: Host) -> None:
    world = host.world
    before = world.service(ModelLibrary).active.version
    host.plan(figures=WORSE)
    card = await host.retrain(minutes=1)
    card = await host.until(card, "is done: your word, please", f"It is farther from the icons than `{before}`.")
    assert ("--minutes", "1") in pairwise(host.calls()[0])
    assert labels(card) == ["Adopt", "Discard", "Figures"]
    assert world.service(ModelLibrary).active.version == before
    sentence = "Only the owner of this bot, and administrators of the servers that the owner has named, can do that."
    for label in ("Adopt", "Discard"):
        assert private(await world.moderator.click(card, label=label)) == sentence
    await world.restart()
    await host.admin.click(card, label="Adopt")
    card = await host.until(card, "draws from now on")
    assert world.service(ModelLibrary).active.version != before
    assert labels(card) == ["Figures"]


async def test_a_worse_model_is_discarded_and_stays_in_the_list(host: Host) -> None:
    world = host.world
    before = world.service(ModelLibrary).active.version
    host.plan(figures=WORSE)
    card = await host.until(await host.retrain(), "Look at both sheets")
    await host.admin.click(card, label="Discard")
    over = await host.until(card, "### Retraining 1: discarded", "the running model goes on")
    assert world.service(ModelLibrary).active.version == before
    result = await world.asker.slash(world.channel, "model list")
    assert [line.split(" · ")[1] for line in private(result).splitlines()] == ["not adopted", "draws now"]
    assert labels(over) == ["Figures"]
    assert (await world.service(RetrainService).desk.status(1)).job.model is not None
    with pytest.raises(JobOverError):  # a second person had the button before her eyes still
        await world.service(RetrainService).adopt(1)


async def test_the_queue_has_places_and_can_be_left(host: Host) -> None:
    world = host.world
    host.plan(waits=True)
    first = await host.retrain()
    await host.until(first, "50 %")
    second, third = await host.retrain(), await host.retrain()
    assert "Retrainings before it: 1" in words(second)
    assert "Retrainings before it: 2" in words(third)
    refused = private(await world.asker.click(second, label="Cancel"))
    assert refused.startswith("Only the person who started this retraining")
    desk = world.service(RetrainService).desk
    await desk.book.note(2, user_id=world.other.id)  # who runs the bot may cancel anybody's
    await host.admin.click(second, label="Cancel")
    await host.until(second, "### Retraining 2: cancelled", "Nothing has changed")
    assert (await desk.status(2)).job.cancelled_by == host.admin.id
    await host.until(third, "Retrainings before it: 1")
    await host.admin.click(first, label="Cancel")
    await host.until(first, "### Retraining 1: cancelled")
    progress = world.services.settings.data / "jobs" / "1" / PROGRESS
    assert '"event": "stopped"' in progress.read_text()  # it was asked to, not killed
    await host.until(third, "50 %")
    assert desk.folder(1).saved_run() is None  # nobody goes on with it
    host.go()
    await host.until(third, "draws from now on")
    assert len(host.calls()) == 2
    with pytest.raises(JobOverError):
        await world.service(RetrainService).cancel(1, host.admin.id)


async def test_a_retraining_that_was_taken_and_not_begun_begins_at_the_next_start(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot was killed after it had written down that a job runs, and before there was a process."""

    async def killed(*_: object) -> None:
        raise asyncio.CancelledError

    retrainer = host.world.service(RetrainService).worker
    with monkeypatch.context() as patch:
        patch.setattr(Retrainer, "_do", killed)
        card = await host.retrain()
        await until(lambda: retrainer._tasks[0].done())
    assert host.calls() == []
    await retrainer.stop()
    retrainer.start()
    await host.until(card, "### Retraining 1 is done")
    assert len(host.calls()) == 1


async def test_what_the_training_says_at_its_death_reaches_the_card_and_it_can_go_on(host: Host) -> None:
    world = host.world
    before = world.service(ModelLibrary).active.version
    host.plan(fails="/data/jobs/1/a.zip: only 3 different icons; training takes at least 16")
    card = await host.until(await host.retrain(), "### Retraining 1 failed")
    assert "`a.zip: only 3 different icons; training takes at least 16`\nNothing has changed" in words(card)
    assert world.service(ModelLibrary).active.version == before
    assert "It can go on where it was: after 0.5 thousand pictures." in words(card)
    assert labels(card) == ["Resume"]
    assert "Only the owner" in private(await world.asker.click(card, label="Resume"))
    await world.service(RetrainService).desk.book.note(1, cancelled_by=5)  # somebody wanted it stopped, just before
    await host.admin.click(card, label="Resume")
    await host.until(card, "draws from now on")
    fresh, resumed = host.calls()
    assert "--resume" not in fresh
    assert resumed[resumed.index("--resume") + 1].endswith("jobs/1/runs/0001-sagan-icons")


async def test_without_figures_a_person_decides(host: Host) -> None:
    host.plan(figures={"new": {}, "old": {}})
    await host.until(await host.retrain(), "It could not be measured beside", "Look at both sheets")


async def test_the_servers_emojis_and_stickers_are_fetched(host: Host) -> None:
    world = host.world
    host.plan(waits=True)
    assert private(await host.admin.slash(world.channel, "retrain", icons="server")).startswith(
        "I can read no emoji and no sticker of this server."
    )
    still, moving = world.guild.create_emoji("happy"), world.guild.create_emoji("dance", animated=True)
    world.guild.create_emoji("lost")  # Discord has no picture of it
    wave = world.guild.create_sticker("wave")
    for path, content in (
        (f"emojis/{still.id}.png", b"png"),
        (f"emojis/{moving.id}.webp?animated=true", b"webp"),
        (f"stickers/{wave.id}.png", b"sticker"),
    ):
        world.env.backend.cdn._blobs[f"{discord.Asset.BASE}/{path}"] = content
    world.guild.create_sticker("drawing", format_type=3)  # Lottie: no pixels
    card = await host.retrain(icons="server", mode="replace")
    assert "Icons: this server's emojis and stickers · 30 min" in words(card)
    icons = world.services.settings.data / "jobs" / "1" / "icons"
    contents = {file.name[4:]: file.read_bytes() for file in icons.iterdir()}
    assert contents == {"happy.png": b"png", "dance.webp": b"webp", "wave.png": b"sticker"}
    await until(lambda: bool(host.calls()))
    (call,) = host.calls()
    assert [value for name, value in pairwise(call) if name == "--icons"] == [str(icons.absolute())]
    assert call[call.index("--minutes") + 1] == "30"
    host.go()
    await host.until(card, "draws from now on")


async def test_attached_files_join_the_current_set(host: Host) -> None:
    world = host.world
    active = world.service(ModelLibrary).active.bundle.path.absolute()
    files = {"file": ("My icons!.ZIP", b"zip"), "file2": ("a/b.png", b"png"), "file3": ("noname", b"?")}
    card = await host.retrain(**files)
    assert "Icons: the current set, and the attached files" in words(card)
    await host.until(card, "draws from now on")
    (call,) = host.calls()
    job = (world.services.settings.data / "jobs" / "1").absolute()
    sources = [value for name, value in pairwise(call) if name == "--icons"]
    assert sources == [str(active), str(job / "icons"), str(job / "001-my-icons.zip")]
    assert call[call.index("--size") + 1] == "64"
    assert call[call.index("--from") + 1] == str(active)


@pytest.mark.parametrize("option", ["--from=none", "--preset", "--width"])
async def test_options_may_say_where_to_start(host: Host, option: str) -> None:
    active = host.world.service(ModelLibrary).active.bundle
    assert "--from" in _look(active, ["--batch", "16"])
    assert "--from" not in _look(active, [option, "x"])
    assert "--from" not in _look(replace(active, config=PlainConfig()), [])  # it has no weights for the new network


async def test_what_does_not_go_together_is_refused(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(**options: Any) -> str:
        return private(await host.admin.slash(host.world.channel, "retrain", **options))

    assert await answer(minutes=1, kimg=1.0) == "Choose minutes or kimg (thousand pictures), not both."
    assert (await answer(icons="files")).startswith("Attach an archive or pictures")
    assert (await answer(icons="server", file=("a.zip", b"zip"))).startswith("Files and other icons do not go together")
    two = {"file": ("a.zip", b"zip"), "file2": ("lost.zip", b"zip")}
    read = discord.Attachment.read

    async def gone(self: discord.Attachment, **more: Any) -> bytes:
        if self.filename == "lost.zip":
            raise TimeoutError
        return await read(self, **more)

    monkeypatch.setattr(discord.Attachment, "read", gone)
    assert (await answer(**two)).startswith("Discord does not hand out that picture")
    monkeypatch.setattr(command, "FILE_LIMIT", 0)
    assert (await answer(**two)).startswith("a.zip has 0.0 MiB, and I take files of up to 0 MiB.")
    monkeypatch.setattr(command, "FILE_LIMIT", 1)
    monkeypatch.setattr(command, "_MIB", 3)
    assert (await answer(file=("a.zip", b"four"))).startswith("a.zip has 1.3 MiB, and I take files of up to 1 MiB.")
    assert host.calls() == []
    host.plan(waits=True)
    await host.until(await host.retrain(file=("a.zip", b"zip")), "50 %")  # just as large as it may be


async def test_where_no_picture_can_be_posted_nothing_begins(host: Host) -> None:
    guild, denied = host.world.guild, discord.PermissionOverwrite(attach_files=False)
    assert guild.me is not None
    quiet = guild.create_text_channel("quiet", overwrites={guild.me: denied})
    answer = private(await host.admin.slash(quiet, "retrain"))
    assert answer == "I cannot post here. Please ask a moderator to give me: Attach Files."


async def test_only_those_who_run_the_host_may(host: Host) -> None:
    world = host.world
    with pytest.raises(simcord.SetupError):  # hidden
        await world.asker.slash(world.channel, "retrain")
    sentence = "Only the owner of this bot, and administrators of the servers that the owner has named, can do that."
    for name, options in (("model use", {"version": "m1"}), ("model rollback", {})):
        assert private(await world.asker.slash(world.channel, name, **options)) == sentence
    (retrain,) = [command for command in await world.client.tree.fetch_commands() if command.name == "retrain"]
    world.guild.set_command_permissions(retrain, {world.guild.default_role: True})
    assert private(await world.asker.slash(world.channel, "retrain")) == sentence
    name_servers(world, frozenset())  # an administrator of some server is nobody special
    assert private(await host.admin.slash(world.channel, "retrain")) == sentence
    assert host.calls() == []


async def test_an_error_that_nobody_has_thought_of_fails_the_job_once(
    host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Else the job would run forever, and be tried again each minute."""

    def broken(*_: object) -> None:
        raise KeyError("figures")

    monkeypatch.setattr(worker, "judge", broken)
    card = await host.retrain()
    await host.until(card, "An unexpected error (KeyError)")
    assert await host.world.service(RetrainService).desk.book.ids(JobState.RUNNING) == []
    assert "what nobody has thought of" in caplog.text


async def test_models_are_listed_and_shown_to_everybody(host: Host) -> None:
    world = host.world
    version = world.service(ModelLibrary).active.version
    line = private(await world.asker.slash(world.channel, "model list"))
    assert line.startswith(f"**`{version}`** · draws now · <t:")
    assert line.endswith("· 40 icons (`drawn`), 0 thousand pictures seen")
    shown = (await world.asker.slash(world.channel, "model info", version=version.partition("-")[0])).response
    assert shown is not None
    assert "It was never measured." in words(shown)
    assert alt_text(shown) == f"Icons of fixed seeds, drawn by model {version}"
    choices = await world.asker.autocomplete(world.channel, "model use", "version", "m1")
    assert choices == [{"name": f"{version} · draws now", "value": version}]
    nothing = "There is no such model here. /model list shows those that are kept."
    assert private(await host.admin.slash(world.channel, "model use", version="m99")) == nothing
    assert private(await host.admin.slash(world.channel, "model rollback")).startswith("No other model has served")


def test_the_permission_is_asked_for_by_discord(world_command: dict[str, Any]) -> None:
    assert world_command["default_member_permissions"] == discord.Permissions(administrator=True).value


@pytest.fixture
async def world_command(world: World) -> dict[str, Any]:
    """/retrain as Discord is told of it."""
    command = world.client.tree.get_command("retrain")
    assert command is not None
    return dict(command.to_dict(world.client.tree))
