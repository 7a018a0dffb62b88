"""`/model`: the kept models for everybody; which of them serves, for the host's operators."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import discord
from discord import app_commands

from bot.db.models import LONGEST_THEME, ModelState
from bot.db.session import storable_text
from bot.models.library import ModelLibrary
from bot.models.versions import NoModelError, Version, VersionService
from bot.talk.access import AccessService
from bot.talk.acknowledging import Reply, acknowledge
from bot.talk.answering import answering, show, tell, tell_all
from bot.talk.buttons import ROW, Button, Pressed, button, layout
from bot.talk.choices import offer
from bot.talk.delivery import picture
from bot.talk.fitting import fit
from bot.talk.guard import Audience, require_manager, rules_of
from bot.talk.interaction import Interaction
from bot.talk.operators import require_operator
from bot.talk.refusals import Refusal
from bot.talk.texts import Texts
from bot.talk.words import base36, code, plain
from generator.card import Figure

MOST_LINES = 15

LONGEST_MODEL = 40
"""Characters of a model's theme or version that are looked at."""

LOW = 0.5
"""Of the figure of real icons: below, icons are much more alike, or much nearer to training icons, than real ones."""
CLOSE, SOME = 1.5, 3.0
"""How far a model's icons may lie from the training icons (SWD), in what two halves of these lie apart."""

EVERYBODY, OPERATORS, MANAGERS = Audience(), Audience(operators_only=True), Audience(managers_only=True)

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

    def add(callback: Any, name: str, description: str, audience: Audience = EVERYBODY) -> None:
        extras = audience.extras
        group.add_command(app_commands.Command(name=name, description=description, callback=callback, extras=extras))

    choosing: tuple[tuple[Any, Any], ...] = (
        (info, _versions),
        (use, _versions),
        (set_theme, _versions),
        (choose_usual, offer_models),
    )
    for callback, known in choosing:
        app_commands.describe(version=say("command.model.version"))(callback)
        app_commands.autocomplete(version=known)(callback)
    add(list_models, "list", say("command.model.list"))
    add(info, "info", say("command.model.info"))
    add(use, "use", say("command.model.use"), OPERATORS)
    add(rollback, "rollback", say("command.model.rollback"), OPERATORS)
    app_commands.describe(theme=say("command.model.theme_name"))(set_theme)
    add(set_theme, "theme", say("command.model.theme"), OPERATORS)
    add(choose_usual, "default", say("command.model.default"), MANAGERS)
    return group


async def list_models(interaction: Interaction) -> None:
    """`/model list`."""
    async with answering(interaction):
        await acknowledge(interaction)
        texts, locale = interaction.client.texts, str(interaction.locale)
        versions = await interaction.client.service(VersionService).kept()
        here = rules_of(interaction).model_id
        lines = [
            version_line(each, texts, locale)
            + (f" · {texts.say('model.default_here', locale)}" if each.id == here else "")
            for each in versions[:MOST_LINES]
        ]
        if len(versions) > MOST_LINES:
            lines.append(texts.say("model.more", locale, count=len(versions) - MOST_LINES))
        await tell_all(interaction, lines, between="\n")


async def info(interaction: Interaction, version: str | None = None) -> None:
    """`/model info`."""
    async with answering(interaction):
        await acknowledge(interaction)
        client = interaction.client
        versions = client.service(VersionService)
        found = await versions.find(version or client.service(ModelLibrary).active.version)
        view, file = model_card(found, await versions.samples(found), client.texts, str(interaction.locale))
        await show(interaction, view, [file])


async def use(interaction: Interaction, version: str) -> None:
    """`/model use`."""
    async with answering(interaction):
        require_operator(interaction)
        await acknowledge(interaction)
        found = await interaction.client.service(VersionService).find(version)
        model = await interaction.client.service(ModelLibrary).activate(found.id)
        await _tell_serving(interaction, model.version)


async def rollback(interaction: Interaction) -> None:
    """`/model rollback`."""
    async with answering(interaction):
        require_operator(interaction)
        await acknowledge(interaction)
        await _tell_serving(interaction, (await interaction.client.service(VersionService).roll_back()).version)


async def set_theme(
    interaction: Interaction, version: str, theme: app_commands.Range[str, 1, LONGEST_THEME] | None = None
) -> None:
    """`/model theme`."""
    async with answering(interaction):
        require_operator(interaction)
        await acknowledge(interaction)
        versions, name = interaction.client.service(VersionService), storable_text((theme or "").strip()) or None
        found = await versions.find(version)
        before = await versions.set_theme(found, name)
        say, locale = interaction.client.texts.say, str(interaction.locale)
        named = {"version": code(found.version), "theme": code(name or "")}
        if name is None:
            sentence = say("model.theme_gone", locale, **named)
        elif before is None:
            sentence = say("model.theme_done", locale, **named)
        else:
            sentence = say("model.theme_moved", locale, **named, before=code(before.version))
        await tell(interaction, sentence)


async def choose_usual(interaction: Interaction, version: str | None = None) -> None:
    """`/model default`."""
    async with answering(interaction):
        guild_id = require_manager(interaction)
        await acknowledge(interaction)
        client, locale = interaction.client, str(interaction.locale)
        found = None if version is None else await client.service(VersionService).find_drawable(version)
        await client.service(AccessService).change(guild_id, model_id=None if found is None else found.id)
        key = "model.default_none" if found is None else "model.default_done"
        name = client.service(ModelLibrary).active.version if found is None else found.name
        await tell(interaction, client.texts.say(key, locale, version=code(name)))


def version_line(version: Version, texts: Texts, locale: str) -> str:
    """A model in a line: its name, whether it serves, its age, its training."""
    card = version.card
    assert card is not None  # noqa: S101 - only those are listed
    return texts.say(
        "model.line",
        locale,
        version=f"**{code(version.name)}**",
        state=texts.say(_STATES[version.state], locale),
        created=discord.utils.format_dt(version.created_at, "R"),
        kimg=f"{card.kimg:g}",
        count=card.data.count,
        name=code(fit(card.data.name, 60)),
    )


def model_card(
    version: Version, samples: bytes, texts: Texts, locale: str
) -> tuple[discord.ui.LayoutView, discord.File]:
    """A model with its figures and its sheet of fixed seeds."""
    assert version.card is not None  # noqa: S101 - its sheet is there, too
    text = f"{version_line(version, texts, locale)}\n{texts.say(_judgement(version.card.metrics), locale)}"
    alt = texts.say("model.alt", locale, version=plain(version.name))
    name = f"mojigan-{version.version}.png"
    file = discord.File(io.BytesIO(samples), name, description=alt)
    container = discord.ui.Container[discord.ui.LayoutView](discord.ui.TextDisplay(text), picture(name, alt))
    if version.card.metrics:
        figures = button(texts.say("button.figures", locale), "figures", base36(version.id))
        container.add_item(discord.ui.ActionRow(figures))
    return layout(container), file


class FiguresButton(Pressed[Button], template=rf"mj:figures:{ROW}"):
    """The figures of a model, as its bundle has them."""

    reply = Reply.PRIVATE

    async def act(self, interaction: Interaction) -> None:
        """Tell them to who asks."""
        await acknowledge(interaction)
        found = await interaction.client.service(VersionService).find(str(int(self.match["row"], 36)))
        assert found.card is not None  # noqa: S101 - only those are found
        lines = [
            interaction.client.texts.say(
                "model.figure",
                str(interaction.locale),
                name=code(name),
                value=f"{figure.value:.3g}",
                real=f"{figure.real:.3g}",
            )
            for name, figure in found.card.metrics.items()
        ]
        await tell_all(interaction, lines, between="\n")


def _judgement(metrics: Mapping[str, Figure]) -> str:
    """What the figures of a model say, beside those of real icons: the key of a sentence."""
    spread, nearest, distance = metrics.get("coverage"), metrics.get("nearest"), metrics.get("swd")
    if spread is not None and spread.value < LOW * spread.real:
        return "model.judged_collapsed"
    if nearest is not None and nearest.value < LOW * nearest.real:
        return "model.judged_copies"
    if distance is None:
        return "model.no_figures"
    if distance.value <= CLOSE * distance.real:
        return "model.judged_close"
    return "model.judged_some" if distance.value <= SOME * distance.real else "model.judged_far"


async def _tell_serving(interaction: Interaction, version: str) -> None:
    sentence = interaction.client.texts.say("model.serves", str(interaction.locale), version=code(version))
    await tell(interaction, sentence)


async def find_model(interaction: Interaction, typed: str | None) -> int | None:
    """The row of a model that somebody names by its theme or version; None for none. Raises Refusal."""
    if typed is None:
        return None
    try:
        return (await interaction.client.service(VersionService).find_drawable(typed)).id
    except NoModelError as error:
        raise Refusal("error.model_unknown", version=code(typed)) from error


async def offer_models(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """The models that an icon can be asked of, for an option that `find_model` reads."""
    found = await interaction.client.service(VersionService).drawable()
    return offer(typed, ((_label(interaction, each), each.version) for each in found))


def _label(interaction: Interaction, model: Version) -> str:
    assert model.card is not None  # noqa: S101 - only those are listed
    created, locale = model.created_at.date().isoformat(), str(interaction.locale)
    count = model.card.data.count
    return interaction.client.texts.say("icon.model_choice", locale, version=model.name, date=created, count=count)


async def _versions(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    say, locale = interaction.client.texts.say, str(interaction.locale)
    kept = await interaction.client.service(VersionService).kept()
    return offer(typed, ((f"{each.name} · {say(_STATES[each.state], locale)}", each.version) for each in kept))
