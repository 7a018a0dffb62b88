"""Who runs the host."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from bot.settings import SettingsError, load_settings
from bot.talk.operators import owners


def test_owners() -> None:
    def application(**more: Any) -> discord.AppInfo:
        user = {"id": "2", "username": "host", "discriminator": "0", "avatar": None}
        base = {"id": "3", "name": "m", "description": "", "icon": None, "owner": user, "verify_key": ""}
        payload: Any = {**base, "bot_public": True, "bot_require_code_grant": False, **more}
        return discord.AppInfo(discord.Client(intents=discord.Intents.none())._connection, payload)

    def member(number: int, state: int) -> dict[str, Any]:
        user = {"id": str(number), "username": "x", "discriminator": "0", "avatar": None}
        return {"user": user, "membership_state": state, "permissions": [], "role": "admin", "team_id": "9"}

    assert owners(None) == set()
    assert owners(application()) == {2}
    team = {"id": "9", "name": "t", "icon": None, "owner_user_id": "4", "members": [member(4, 2), member(5, 1)]}
    assert owners(application(team=team)) == {4}


def test_settings_of_retraining(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOJIGAN_RETRAIN_GUILDS", "12, 34 56")
    monkeypatch.setenv("MOJIGAN_TRAIN_OPTIONS", "--width 48 --name 'my icons'")
    settings = load_settings(None)
    assert settings.retrain_guilds == {12, 34, 56}
    assert settings.train_options == ("--width", "48", "--name", "my icons")
    for name, value, reason in (
        ("RETRAIN_GUILDS", "12,x", "MOJIGAN_RETRAIN_GUILDS: '12,x' are not ids of servers"),
        ("TRAIN_OPTIONS", "'", 'MOJIGAN_TRAIN_OPTIONS: "\'" cannot be read as on a command line'),
        ("MODELS_LIMIT", "0", "MOJIGAN_MODELS_LIMIT: '0' is not a number of GiB above 0"),
    ):
        with monkeypatch.context() as wrong:
            wrong.setenv(f"MOJIGAN_{name}", value)
            with pytest.raises(SettingsError, match=reason):
                load_settings(None)
