"""The process for files from strangers: it answers, or it ends and is replaced; nothing of ours hangs or leaks."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from generator.fence import EndedError, Fence, RefusedError
from tests.generator import fenced


@pytest.fixture(scope="module")
def fence() -> Iterator[Fence]:
    with Fence(fenced.__name__) as fence:
        yield fence


def test_answers_come_in_turn_by_one_process(fence: Fence) -> None:
    assert fence.ask(b"abc") == b"cba"
    number = fence.pid
    assert fence.ask(b"") == b""
    with pytest.raises(RefusedError, match=r"^no, nö$"):
        fence.ask(b"refuse")
    with pytest.raises(RefusedError, match="MemoryError"):
        fence.ask(b"devour")
    assert fence.pid == number


@pytest.mark.parametrize(("request_", "slow"), [(b"crash", False), (b"spin", True), (b"lie", False)])
def test_a_process_that_dies_is_replaced(fence: Fence, request_: bytes, slow: bool) -> None:
    with pytest.raises(EndedError) as caught:
        fence.ask(request_)
    assert caught.value.slow is slow
    assert fence.pid is None
    assert fence.ask(b"abc") == b"cba"


def test_a_request_that_is_not_read_to_its_end_is_lost_and_no_more(fence: Fence) -> None:
    fence.ask(b"abc")
    os.kill(fence.pid or 0, 9)
    with pytest.raises(EndedError):
        fence.ask(bytes(10**7))
    assert fence.ask(b"abc") == b"cba"


def test_it_knows_nothing_of_our_environment(fence: Fence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "secret")
    monkeypatch.setenv("PGPASSWORD", "secret")
    fence.close()
    names = set(fence.ask(b"environment").decode().split())
    assert names <= {"PYTHONPATH", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LC_CTYPE", "LD_LIBRARY_PATH"}


def test_it_ends_with_us(fence: Fence) -> None:
    fence.ask(b"abc")
    number = fence.pid or 0
    fence.close()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
