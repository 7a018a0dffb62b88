"""`/model`: the kept models for everybody; which of them serves, for the host's operators."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.db.models import ModelState
from bot.talk.answering import answering, mark_answered, tell
from bot.talk.operators import require_operator
from bot.talk.words import code

if TYPE_CHECKING:
    from bot.client import Mojigan
    from bot.models.versions import Version, VersionDetails
    from bot.talk.answering import Interaction
    from bot.talk.texts import Texts

MOST_LINES, MOST_CHOICES = 15, 25

_STATES = {
    ModelState.ACTIVE: "model.active",
    ModelState.KEPT: "model.kept",
    ModelState.REJECTED: "model.rejected",
}


def model_group(texts: Texts) -> app_commands.Group:
    """Build the commands with their texts."""
    say = texts.say
    group = app_commands.Group(
        name="model",
        description=say("command.model.description"),
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
    )

    def add(callback: Any, name: str, description: str) -> None:
        group.add_command(app_commands.Command(name=name, description=description, callback=callback))

    choosing: tuple[Any, ...] = (info, use)
    for callback in choosing:
        app_commands.describe(version=say("command.model.version"))(callback)
        app_commands.autocomplete(version=_versions)(callback)
    add(list_models, "list", say("command.model.list"))
    add(info, "info", say("command.model.info"))
    add(use, "use", say("command.model.use"))
    add(rollback, "rollback", say("command.model.rollback"))
    return group


async def list_models(interaction: discord.Interaction[Mojigan]) -> None:
    """`/model list`."""
    async with answering(interaction):
        await interaction.response.defer(ephemeral=True, thinking=True)
        texts, locale = interaction.client.texts, str(interaction.locale)
        versions = await interaction.client.versions.kept()
        lines = [version_line(each, texts, locale) for each in versions[:MOST_LINES]]
        if len(versions) > MOST_LINES:
            lines.append(texts.say("model.more", locale, count=len(versions) - MOST_LINES))
        await tell(interaction, "\n".join(lines))


async def info(interaction: discord.Interaction[Mojigan], version: str | None = None) -> None:
    """`/model info`."""
    async with answering(interaction):
        await interaction.response.defer(ephemeral=True, thinking=True)
        client = interaction.client
        wanted = client.versions.serving if version is None else version
        details = await client.versions.details(await client.versions.find(wanted))
        view, file = model_card(details, client.texts, str(interaction.locale))
        await interaction.edit_original_response(view=view, attachments=[file])
        mark_answered(interaction)


async def use(interaction: discord.Interaction[Mojigan], version: str) -> None:
    """`/model use`."""
    async with answering(interaction):
        require_operator(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        versions = interaction.client.versions
        model = await versions.use((await versions.find(version)).id)
        await _tell_serving(interaction, model.version)


async def rollback(interaction: discord.Interaction[Mojigan]) -> None:
    """`/model rollback`."""
    async with answering(interaction):
        require_operator(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await _tell_serving(interaction, (await interaction.client.versions.roll_back()).version)


def version_line(version: Version, texts: Texts, locale: str) -> str:
    """A model in a line: its name, whether it serves, its age, its training."""
    card = version.card
    assert card is not None  # noqa: S101 - only those are listed
    return texts.say(
        "model.line",
        locale,
        version=f"**{code(version.version)}**",
        state=texts.say(_STATES[version.state], locale),
        created=discord.utils.format_dt(version.created_at, "R"),
        kimg=f"{card.kimg:g}",
        count=card.data.count,
        name=code(card.data.name[:60]),
    )


def model_card(details: VersionDetails, texts: Texts, locale: str) -> tuple[discord.ui.LayoutView, discord.File]:
    """A model with its figures and its sheet of fixed seeds."""
    version = details.version
    assert version.card is not None  # noqa: S101 - its sheet is there, too
    lines = [
        texts.say("model.figure", locale, name=code(name), value=f"{figure.value:.3g}", real=f"{figure.real:.3g}")
        for name, figure in version.card.metrics.items()
    ]
    text = "\n".join([version_line(version, texts, locale), *(lines or [texts.say("model.no_figures", locale)])])
    alt = texts.say("model.alt", locale, version=version.version)
    name = f"mojigan-{version.version}.png"
    file = discord.File(io.BytesIO(details.samples), name, description=alt)
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(
        discord.ui.Container(
            discord.ui.TextDisplay(text[:3500]),
            discord.ui.MediaGallery(discord.MediaGalleryItem(f"attachment://{name}", description=alt)),
        )
    )
    return view, file


async def _tell_serving(interaction: Interaction, version: str) -> None:
    sentence = interaction.client.texts.say("model.serves", str(interaction.locale), version=code(version))
    await tell(interaction, sentence)


async def _versions(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    texts, locale = interaction.client.texts, str(interaction.locale)
    choices = []
    for each in await interaction.client.versions.kept():
        label = f"{each.version} · {texts.say(_STATES[each.state], locale)}"
        if typed.strip().casefold() in label.casefold():
            choices.append(app_commands.Choice(name=label[:100], value=each.version))
    return choices[:MOST_CHOICES]
