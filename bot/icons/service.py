"""Icons for people: drawn, written down, found again, taken away."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, or_, select, update

from bot.db.guilds import GuildSettings
from bot.db.models import Generation, GenerationKind, ModelRecord, ModelState
from bot.db.session import Database
from bot.icons.rows import (
    Drawing,
    GenerationGoneError,
    GenerationView,
    Origin,
    icon_key,
    joined_views,
    select_views,
    storable,
    view_of,
)
from bot.icons.sheets import PointModelError, Sheet, compose, draw_chosen, draw_icons, draw_rows, enough_for
from bot.models.library import Model, ModelGoneError, ModelLibrary
from bot.talk.refusals import ServiceError
from generator.choice import CANDIDATES
from generator.points import pack, unpack
from generator.seeds import Seed

log = logging.getLogger(__name__)

COUNTS = (1, 4, 9)
"""How many icons can be asked for at once."""

VARIATIONS = 9
"""Icons in a sheet of variations."""

SHOWN_LIKE = 4
"""Of a picture, the nearest icon and its first variations."""


class VariationsEndError(ServiceError):
    """An icon is so many variations away from its seed that no further ones are made. No parameters."""

    key = "error.variations_end"


class IconService:
    """Draws icons and keeps the record of them."""

    def __init__(
        self, database: Database, library: ModelLibrary, clock: Callable[[], datetime], candidates: int = CANDIDATES
    ) -> None:
        """`candidates`: how many icons are drawn for a fresh one to be chosen from; 1: nobody chooses."""
        self._candidates = candidates
        self._database = database
        self._library = library
        self._clock = clock

    async def draw(
        self,
        seed: Seed | None,
        count: int = 1,
        *,
        where: Origin,
        kind: GenerationKind = GenerationKind.ICON,
        parent_id: int | None = None,
        model_id: int | None = None,
        truncation: float | None = None,
    ) -> Sheet:
        """Draw `count` (1, 4 or 9) icons, those of `seed` and the seeds after it, and write their rows.

        None stands for seeds that the server has not seen, chosen among others, for what `usual` says, and for the
        bundle's own truncation (0 < truncation <= MOST). Rows are written when the picture is there, all or none.
        Raises PointModelError, BusyError and ModelGoneError.
        """
        if count not in COUNTS:
            raise ValueError(f"A sheet has 1, 4 or 9 icons, not {count}.")
        seeds = None if seed is None else [storable(seed).offset(i) for i in range(count)]
        return await self._draw(
            seeds, count, where=where, kind=kind, parent_id=parent_id, model_id=model_id, truncation=truncation
        )

    async def vary(self, row: GenerationView, *, where: Origin, count: int = VARIATIONS, more: bool = False) -> Sheet:
        """Draw the first variations of an icon with its own model, and write their rows.

        `more`: the row is the first of so many on a sheet of variations, or of what is like a picture, and those after
        them are wanted.
        Raises VariationsEndError, BusyError and ModelGoneError.
        """
        seed, parent_id, begin = row.seed, row.id, 1
        if more and row.kind is GenerationKind.LIKE:
            begin = count
        elif more:
            seed, parent_id, begin = row.seed.parent, row.parent_id or row.id, row.seed.index + count
        try:
            seeds = [seed.variation(begin + i) for i in range(count)]
        except ValueError as error:
            raise VariationsEndError(str(error)) from error
        return await self._draw(
            seeds,
            count,
            where=where,
            kind=GenerationKind.VARIATION,
            parent_id=parent_id,
            model_id=row.model_id,
            truncation=row.truncation,
        )

    async def draw_seeds(
        self,
        seeds: Sequence[Seed],
        count: int | None = None,
        *,
        where: Origin,
        kind: GenerationKind,
        model_id: int,
        truncation: float,
        parent_id: int | None = None,
        other_parent_id: int | None = None,
    ) -> Sheet:
        """Draw the icons of up to nine seeds, or the best `count` of more, and write their rows; as `draw`."""
        return await self._draw(
            seeds,
            len(seeds) if count is None else count,
            where=where,
            kind=kind,
            parent_id=parent_id,
            other_parent_id=other_parent_id,
            model_id=model_id,
            truncation=truncation,
        )

    async def _draw(
        self,
        seeds: Sequence[Seed] | None,
        count: int,
        *,
        where: Origin,
        kind: GenerationKind,
        parent_id: int | None = None,
        other_parent_id: int | None = None,
        model_id: int | None = None,
        truncation: float | None = None,
    ) -> Sheet:
        model_id, own = await self.usual(seeds or (), where, model_id)
        truncation = own if truncation is None else truncation
        async with self._library.use(model_id) as model:
            if seeds is None:
                fresh = await self._fresh(where.guild_id, self.enough(count, model))
                seeds, drawn = await draw_chosen(model, fresh, count, truncation)
            elif len(seeds) > count:
                seeds, drawn = await draw_chosen(model, seeds, count, truncation, in_order=True)
            else:
                drawn = await draw_icons(model, seeds, truncation)
            sheet = await compose(seeds, drawn, kind)
        drawings = [Drawing(seed, model.id, sheet.truncation, parent_id, other_parent_id) for seed in seeds]
        return sheet.with_rows(await self.record(drawings, where, kind))

    def enough(self, count: int, model: Model) -> int:
        """How many icons to draw so that `count` can be chosen."""
        return enough_for(count, self._candidates, model.studio.waiting)

    async def record(self, drawings: Sequence[Drawing], where: Origin, kind: GenerationKind) -> list[int]:
        """Write the rows of icons that were drawn for one message, all or none; their ids."""
        rows = [
            Generation(
                model_id=each.model_id,
                seed_text=each.seed.text,
                seed=each.seed.number,
                near_path=each.seed.near.path if each.seed.near else None,
                near_strength=each.seed.near.strength if each.seed.near else None,
                point=None if each.seed.point is None else pack(each.seed.point),
                truncation=each.truncation,
                icon=icon_key(each.model_id, each.seed, each.truncation),
                kind=kind,
                position=position,
                parent_id=each.parent_id,
                other_parent_id=each.other_parent_id,
                created_at=self._clock(),
                **vars(where),
            )
            for position, each in enumerate(drawings)
        ]
        async with self._database.write() as session:
            session.add_all(rows)
            await session.flush()
            if len(rows) > 1:
                for row in rows:
                    row.sheet_id = rows[0].id
        return [row.id for row in rows]

    async def usual(
        self, seeds: Sequence[Seed], where: Origin, model_id: int | None = None
    ) -> tuple[int | None, float | None]:
        """The model and the truncation to draw with: a model that somebody has named, or the usual one.

        A point has those of the icon that it was made for; else the server's default model draws. None: the model that
        serves, and its own truncation. Raises PointModelError where the points are of several models.
        """
        if model_id is not None:
            return model_id, None
        points = [seed.number for seed in seeds if seed.point is not None]
        made = joined_views().where(Generation.seed.in_(points), Generation.point.is_not(None))
        chosen = select(ModelRecord.id).join(GuildSettings, GuildSettings.model_id == ModelRecord.id)
        here = (GuildSettings.guild_id == where.guild_id) & (ModelRecord.state != ModelState.GONE)
        async with self._database.read() as session:
            if not points:
                return await session.scalar(chosen.where(here)), None
            rows = [view_of(*each) for each in await session.execute(made.order_by(Generation.id))]
        for row in rows:
            if row.model_id != rows[0].model_id:
                raise PointModelError("points of two models", version=row.model_name)
        return (rows[0].model_id, rows[0].truncation) if rows else (None, None)

    async def find_point(self, seed: Seed) -> Seed | None:
        """The seed with the point that its name stands for; None when no such point was ever made here."""
        query = select(Generation.point).where(Generation.seed == seed.number, Generation.point.is_not(None)).limit(1)
        async with self._database.read() as session:
            found = await session.scalar(query)
        return None if found is None else replace(seed, point=unpack(found))

    async def rows(self, ids: Sequence[int]) -> list[GenerationView]:
        """Rows in the order of their ids, deleted ones among them."""
        async with self._database.read() as session:
            found = await session.execute(joined_views().where(Generation.id.in_(ids)))
            views = {view.id: view for view in (view_of(*each) for each in found)}
        return [views[each] for each in ids if each in views]

    async def _fresh(self, guild_id: int | None, count: int) -> list[Seed]:
        """So many seeds that no icon of a server was ever drawn from."""
        found: dict[int, Seed] = {}
        while len(found) < count:
            more = {seed.number: seed for seed in (Seed.random() for _ in range(count - len(found)))}
            query = select(Generation.seed).where(Generation.guild_id == guild_id, Generation.seed.in_(more))
            async with self._database.read() as session:
                seen = set(await session.scalars(query))
            found |= {number: seed for number, seed in more.items() if number not in seen}
        return list(found.values())

    async def redraw(self, generation_id: int) -> Sheet:
        """Draw again what was drawn before: the same rows, each by its own model.

        Raises GenerationGoneError, ModelGoneError and BusyError.
        """
        rows = await self.sheet(generation_id)
        drawn = []
        for row, icon in zip(rows, await draw_rows(self._library, rows), strict=True):
            if icon is None:
                raise ModelGoneError(f"The model {row.model_version} is gone.", version=row.model_version)
            drawn.append(icon)
        sheet = await compose([row.seed for row in rows], drawn, rows[0].kind)
        return sheet.with_rows([row.id for row in rows])

    async def sheet(self, generation_id: int) -> list[GenerationView]:
        """An icon, or all of the sheet that it is the first of. Raises GenerationGoneError."""
        of_sheet = or_(Generation.id == generation_id, Generation.sheet_id == generation_id)
        query = select_views().where(of_sheet).order_by(Generation.position)
        async with self._database.read() as session:
            rows = [view_of(*each) for each in await session.execute(query)]
        if not rows:
            raise GenerationGoneError(f"There is no icon {generation_id}.")
        return rows

    async def repost(self, originals: Sequence[GenerationView], where: Origin) -> Sheet | None:
        """Draw icons of any models once more, as one sheet, and write rows whose parents they are.

        Those whose model is gone are left out; None when that leaves none. Raises BusyError.
        """
        found = zip(originals, await draw_rows(self._library, originals), strict=True)
        pairs = [(row, icon) for row, icon in found if icon is not None]
        if not pairs:
            return None
        sheet = await compose([row.seed for row, _ in pairs], [icon for _, icon in pairs], GenerationKind.TOP)
        drawings = [Drawing(row.seed, row.model_id, row.truncation, row.id) for row, _ in pairs]
        return sheet.with_rows(await self.record(drawings, where, GenerationKind.TOP))

    async def posted(self, sheet: Sheet, message_id: int) -> None:
        """Write down which message a sheet stands in."""
        await self.mark_posted([icon.id for icon in sheet.icons], message_id)

    async def mark_posted(self, ids: Sequence[int], message_id: int) -> None:
        """Write down which message these icons stand in."""
        async with self._database.write() as session:
            await session.execute(update(Generation).where(Generation.id.in_(ids)).values(message_id=message_id))

    async def find(self, message_id: int, *, guild_id: int | None, channel_id: int | None) -> list[GenerationView]:
        """The icons in a message, in their order; none when it stands in another server.

        Without a server the message must stand in the channel.
        """
        place = Generation.guild_id == guild_id
        if guild_id is None:
            place = Generation.guild_id.is_(None) & (Generation.channel_id == channel_id)
        query = select_views().where(Generation.message_id == message_id, place).order_by(Generation.position)
        async with self._database.read() as session:
            return [view_of(row, model) for row, model in await session.execute(query)]

    async def load(self, generation_id: int) -> GenerationView | None:
        """The record of an icon; None when there is none, or the icon was deleted."""
        async with self._database.read() as session:
            found = (await session.execute(select_views().where(Generation.id == generation_id))).one_or_none()
        return None if found is None else view_of(*found)

    async def delete(self, generation_id: int, *, by: int) -> bool:
        """Note that a message was taken away, with every icon in it; the rows stay. False: it was noted before.

        Who may do so (whoever asked for the icon, or a moderator) has been checked by then; `by` goes to the log.
        """
        sheet = select(Generation.sheet_id).where(Generation.id == generation_id).scalar_subquery()
        query = (
            update(Generation)
            .where(or_(Generation.id == generation_id, Generation.sheet_id == sheet), Generation.deleted_at.is_(None))
            .values(deleted_at=self._clock())
            .execution_options(synchronize_session=False)
        )
        async with self._database.write() as session:
            result = cast("CursorResult[Any]", await session.execute(query))
        log.info("icon %d was deleted by %d", generation_id, by)
        return result.rowcount > 0
