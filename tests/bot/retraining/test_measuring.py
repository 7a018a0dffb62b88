"""The end of a training: the new model is measured beside the running one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.retraining import worker
from bot.retraining.jobs import JobOverError
from bot.retraining.service import RetrainService
from generator.files import CARD
from tests.bot.retraining.host import WORSE, Host, another_bundle
from tests.bot.world import private, words


async def test_measuring_takes_no_longer_than_it_may(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    async def measured(*_: object) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(worker, "run_command", measured)
    monkeypatch.setattr(worker, "MEASURE_SECONDS", 0.01)
    await host.until(await host.retrain(), "It could not be measured beside", "Look at both sheets")


async def test_models_that_cannot_be_measured_are_compared_by_their_cards(host: Host) -> None:
    for value, said in ((3.0, "It could not be measured beside"), (2.0, "It is closer to the icons than")):
        host.bundle = another_bundle(host.bundle, host.folder.parent / f"measured {value}", swd=value)
        host.plan(figures=None)  # the measuring fails
        card = await host.until(await host.retrain(), said)
        if value == 3.0:
            await host.admin.click(card, label="Adopt")
            await host.until(card, "draws from now on")
    figures = private(await host.world.other.click(card, label="Figures"))
    assert "`swd`: 2, running model 3, real icons 1" in figures


async def test_what_is_cancelled_while_it_is_measured_asks_for_no_word(
    host: Host, service: RetrainService, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures, shown = service.worker._figures, []

    async def meanwhile(*given: Any) -> Any:
        shown.append(words(host.card(card)))
        await service.cancel(1, host.admin.id)
        return await figures(*given)

    monkeypatch.setattr(service.worker, "_figures", meanwhile)
    host.plan(figures=WORSE, waits=True)
    card = await host.retrain()
    host.go()
    await host.until(card, "### Retraining 1: cancelled")
    assert "Measuring it beside the running model …" in shown[0]
    with pytest.raises(JobOverError):
        await service.adopt(1)


async def test_a_result_that_cannot_be_read_is_not_adopted(host: Host) -> None:
    host.bundle = another_bundle(host.bundle, host.folder.parent / "torn")
    (host.bundle / CARD).write_text("{")
    host.plan()
    card = await host.until(await host.retrain(), "### Retraining 1 failed", "Nothing has changed")
    assert "unexpected" not in words(card)
