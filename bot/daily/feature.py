"""What this room brings: `/daily`, and an alarm that posts while the bot is logged in."""

from __future__ import annotations

from collections.abc import Iterator

from bot.daily.alarm import DailyAlarm
from bot.daily.command import daily_group
from bot.daily.outlet import DiscordOutlet
from bot.daily.posting import PostService
from bot.daily.runs import RunBook
from bot.daily.schedules import ScheduleService
from bot.icons.favorites import FavoriteService
from bot.icons.service import IconService
from bot.services import Companion, Services
from bot.talk.feature import Feature
from bot.talk.interaction import Bot


def _services(house: Services) -> Iterator[object]:
    schedules = ScheduleService(house.database, house.clock)
    yield schedules
    runs = RunBook(house.database, house.clock)
    yield PostService(house.get(IconService), house.get(FavoriteService), schedules, runs, house.clock)


def _companions(client: Bot) -> Iterator[Companion]:
    posts, outlet = client.service(PostService), DiscordOutlet(client)
    yield DailyAlarm(posts, outlet, client.services.clock, client.is_ready)


DAILY = Feature(commands=[daily_group], services=_services, companions=_companions)
