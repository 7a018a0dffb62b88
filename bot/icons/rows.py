"""The rows of `generations` as the rest of the bot sees them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from bot.db.models import Generation, GenerationKind, ModelRecord
from bot.db.session import storable_text
from bot.talk.refusals import ServiceError
from generator.points import unpack
from generator.seeds import Near, Seed


class GenerationGoneError(ServiceError):
    """There is no such icon in the database, or it was deleted. No parameters."""

    key = "error.generation_gone"


@dataclass(frozen=True)
class Origin:
    """Where somebody asked for an icon, and who: Discord's ids."""

    guild_id: int | None
    channel_id: int | None
    user_id: int


@dataclass(frozen=True)
class Drawing:
    """An icon that was drawn, to be written down."""

    seed: Seed
    model_id: int
    truncation: float
    parent_id: int | None = None
    other_parent_id: int | None = None


@dataclass(frozen=True)
class Ranked:
    """An icon of a server that people have voted for."""

    row: GenerationView
    votes: int
    """Of different people."""
    found_by: int
    """Who was the first to ask for it, as far as its audience can know."""


@dataclass(frozen=True)
class GenerationView:
    """A row of `generations`."""

    id: int
    model_id: int
    model_version: str
    model_name: str
    """What cards call it: with its theme."""
    seed: Seed
    truncation: float
    kind: GenerationKind
    sheet_id: int | None
    """The first icon of the sheet that it was posted in, None for a single icon."""
    icon: str
    """See `icon_key`."""
    position: int
    parent_id: int | None
    other_parent_id: int | None
    guild_id: int | None
    channel_id: int | None
    user_id: int
    message_id: int | None
    """NULL also for a message that was deleted."""
    created_at: datetime


def icon_key(model_id: int, seed: Seed, truncation: float) -> str:
    """What one icon is known by, whoever asked for it: 32 characters, the same for the same picture.

    Migration 0008 has named the older rows in the same way.
    """
    near = f"{seed.near.path}@{seed.near.strength!r}" if seed.near else ""
    return hashlib.blake2b(f"{model_id}:{seed.number}:{near}:{truncation!r}".encode(), digest_size=16).hexdigest()


def joined_views() -> Select[Generation, ModelRecord]:
    """All rows, with their models."""
    return select(Generation, ModelRecord).join(ModelRecord, Generation.model_id == ModelRecord.id)


def select_views() -> Select[Generation, ModelRecord]:
    """The rows that were not deleted, with their models."""
    return joined_views().where(Generation.deleted_at.is_(None))


def view_of(row: Generation, model: ModelRecord) -> GenerationView:
    """A row and its model as the rest of the bot sees them."""
    near = None
    if row.near_path is not None and row.near_strength is not None:
        near = Near(row.near_path, row.near_strength)
    point = None if row.point is None else unpack(row.point)
    same: dict[str, Any] = {each.name: getattr(row, each.name, None) for each in fields(GenerationView)}
    same |= {
        "model_version": model.version,
        "model_name": model.name,
        "seed": Seed(row.seed_text, row.seed, near, point),
    }
    if row.deleted_at is not None:
        same["message_id"] = None
    return GenerationView(**same)


def storable(seed: Seed) -> Seed:
    """A seed whose text a database takes."""
    return replace(seed, text=storable_text(seed.text))
