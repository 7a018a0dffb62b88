"""/privacy as people use it; and no column that holds a person's id is forgotten, today or later."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, func, insert, select

from bot.db.guilds import BlockedUser, Quota
from bot.db.models import NOBODY, Base, Favorite, Generation, ModelRecord, ModelState
from bot.db.retraining import IconSource, JobState, RetrainJob
from bot.db.schedules import Schedule
from bot.db.session import Database
from bot.privacy.service import DELETED, FORGOTTEN, KEPT, PrivacyService
from tests.bot.world import World, for_one, labels, private, public, words

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA, GIL = 2**62, 2**62 + 1

NUMBERS_OF_NOBODY = {
    "id",
    "seed",
    "guild_id",
    "channel_id",
    "message_id",
    "application_id",
    "model_id",
    "other_parent_id",
    "role_id",
}
"""Columns with 64 bits that hold no person's id, besides foreign keys."""

JSON_OF_NOBODY = {"metrics", "command_ids", "channels", "roles"}


def test_each_column_that_may_hold_a_person_is_shown_and_forgotten() -> None:
    """A new table with a user's id has to be named in one of the three lists of bot/services/privacy.py."""
    known = {column.property.columns[0] for column in (*FORGOTTEN, *DELETED, *KEPT)}
    for table in Base.metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, BigInteger) and not column.foreign_keys and column.name not in NUMBERS_OF_NOBODY:
                assert column in known, f"{column}: bot/services/privacy.py does not know it"
            if isinstance(column.type, JSON):
                assert column.name in JSON_OF_NOBODY, f"{column}: does it hold people's ids?"
    assert len(known) == len((*FORGOTTEN, *DELETED, *KEPT))


async def fill(database: Database) -> None:
    """Rows in all tables that name people: Ada's, and some of Gil's in which Ada may stand, too."""
    icon: dict[str, Any] = {"model_id": 1, "seed": 5, "truncation": 1.0, "kind": "icon", "position": 0}
    job: dict[str, Any] = {"channel_id": 3, "locale": "en", "source": IconSource.CURRENT, "added": False, "metrics": {}}
    plan: dict[str, Any] = {"guild_id": 9, "local_time": NOW.time(), "zone": "UTC", "weekdays": 127, "count": 1}
    plan |= {"catch_up_hours": 6, "failures": 0}
    async with database.write() as session:
        model = {"digest": "a" * 64, "path": "a", "metrics": {}, "state": ModelState.ACTIVE, "created_at": NOW}
        await session.execute(insert(ModelRecord).values(id=1, **model))
        messages: list[tuple[int, int | None, str, dict[str, Any]]] = [
            (ADA, 70, "direct", {}),
            (ADA, None, "unseen", {"guild_id": 9}),
            (GIL, 71, "gil's", {}),
            (ADA, 72, "seen", {"guild_id": 9}),
            (ADA, 73, "deleted", {"guild_id": 9, "deleted_at": NOW}),
        ]
        for user, posted, typed, more in messages:
            row = {"user_id": user, "message_id": posted, "channel_id": 3, "seed_text": typed, "created_at": NOW}
            row |= {**icon, **more}
            await session.execute(insert(Generation).values(**row))
        for user in (ADA, GIL):
            await session.execute(insert(Favorite).values(icon="x", generation_id=1, user_id=user, created_at=NOW))
            await session.execute(insert(Schedule).values(channel_id=user, user_id=user, created_at=NOW, **plan))
            await session.execute(insert(Quota).values(guild_id=9, user_id=user, started_at=NOW, used=3))
        for user, by in ((ADA, GIL), (GIL, ADA)):
            over = {"state": JobState.CANCELLED, "user_id": user, "cancelled_by": by, "created_at": NOW}
            await session.execute(insert(RetrainJob).values(**over, **job))
            blocked = {"guild_id": 9, "user_id": user, "blocked_by": by, "created_at": NOW}
            await session.execute(insert(BlockedUser).values(**blocked))


async def people(database: Database) -> dict[str, list[int]]:
    """Who stands in each column, in the order of ids."""
    async with database.read() as session:
        return {str(column): sorted(await session.scalars(select(column))) for column in (*FORGOTTEN, *DELETED, *KEPT)}


async def test_somebody_is_forgotten_in_every_table_and_nobody_else(database: Database) -> None:
    await fill(database)
    privacy = PrivacyService(database, lambda: NOW)
    mine = await privacy.mine(ADA)
    tables = {name: part["count"] for name, part in mine.items() if isinstance(part, dict)}
    columns = {f"{c.class_.__tablename__}.{c.key}": 1 for c in (*FORGOTTEN, *DELETED, *KEPT)}
    assert tables == columns | {"generations.user_id": 4}
    assert [row["seed_text"] for row in mine["generations.user_id"]["rows"]] == ["deleted", "seen", "unseen", "direct"]
    assert str(GIL) not in json.dumps(mine)

    await privacy.forget(ADA)
    now = await people(database)
    assert now.pop("Generation.user_id") == [NOBODY] * 4 + [GIL]
    assert now.pop("Favorite.user_id") == [GIL]
    assert now.pop("Quota.user_id") == [GIL]
    assert now.pop("BlockedUser.user_id") == [ADA, GIL]
    assert set(map(tuple, now.values())) == {(NOBODY, GIL)}
    async with database.read() as session:
        typed = list(await session.scalars(select(Generation.seed_text).order_by(Generation.id)))
        where = list(
            await session.execute(select(Generation.channel_id, Generation.message_id).order_by(Generation.id))
        )
    assert typed == ["5", "5", "gil's", "seen", "5"]
    assert [tuple(each) for each in where] == [(None, None), (3, None), (3, 71), (3, 72), (3, 73)]
    kept = {name for name, part in (await privacy.mine(ADA)).items() if isinstance(part, dict)}
    assert kept == {"blocked_users.user_id"}


async def test_a_person_sees_what_is_stored_and_is_forgotten(world: World) -> None:
    message = await world.icon(seed="blue cat")
    await world.asker.click(message, label="Favorite")
    await world.other.click(message, label="Favorite · 1")
    card = for_one(await world.asker.slash(world.channel, "privacy"))
    assert words(card).startswith("### What I store about you\n- For each icon that you ask for")
    file = for_one(await world.asker.click(card, label="Show mine"))
    (attached,) = file.attachments
    shown = json.loads(await world.client.http.get_from_cdn(attached.url))
    assert shown["generations.user_id"]["rows"][0]["seed_text"] == "blue cat"
    assert shown["favorites.user_id"]["count"] == 1

    await world.asker.click(card, label="Forget me")
    assert words(card).startswith("### Forget you?")
    assert labels(card) == ["Yes, forget me", "Back"]
    await world.asker.click(card, label="Back")
    assert words(card).startswith("### What I store")
    await world.asker.click(card, label="Forget me")
    await world.restart()
    await world.asker.click(card, label="Yes, forget me")
    assert words(card).startswith("### Forgotten")
    assert [row.user_id for row in await world.rows()] == [NOBODY]
    async with world.services.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Favorite)) == 1

    info = for_one(await world.other.context_menu(world.channel, "Icon info", message))
    assert "Asked for by somebody who wished to be forgotten" in info.content
    assert public(await world.other.click(message, label="Another"))  # the buttons work on
    assert private(await world.asker.click(message, label="Delete")).startswith("Only the person who asked")
    await world.moderator.click(message, label="Delete")
    assert public(await world.asker.slash(world.channel, "icon", seed="1"))


async def test_all_rows_are_shown_in_a_file_that_fits(sqlite_database: Database) -> None:
    await fill(sqlite_database)
    icon: dict[str, Any] = {"model_id": 1, "seed": 5, "truncation": 1.0, "kind": "icon", "position": 0, "user_id": ADA}
    many = [{**icon, "seed_text": f"seed {each}", "created_at": NOW} for each in range(5_999)]
    many.append({**icon, "seed_text": "häuser 猫", "created_at": NOW})
    async with sqlite_database.write() as session:
        await session.execute(insert(Generation), many)
    privacy = PrivacyService(sqlite_database, lambda: NOW)
    name, content = await privacy.file(ADA, 10 * 2**20)
    shown = json.loads(content)["generations.user_id"]
    assert name == "mojigan-my-data.json"
    assert shown["count"] == len(shown["rows"]) == 6_004
    assert {row["seed_text"] for row in shown["rows"]} >= {each["seed_text"] for each in many}
    assert await privacy.file(ADA, len(content)) == (name, content)
    assert "häuser 猫" in content.decode()
    name, packed = await privacy.file(ADA, 2**20)
    assert name == "mojigan-my-data.json.zip"
    assert len(packed) < 2**20
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.read("mojigan-my-data.json") == content


async def test_it_works_in_a_direct_message(world: World) -> None:
    await world.asker.user.slash("icon", seed="a secret")
    card = for_one(await world.asker.user.slash("privacy"))
    await world.asker.user.click(card, label="Forget me")
    await world.asker.user.click(card, label="Yes, forget me")
    assert words(card).startswith("### Forgotten")
    (row,) = await world.rows()
    assert (row.channel_id, row.message_id, row.seed_text) == (None, None, str(row.seed))
