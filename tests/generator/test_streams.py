"""Terminals that know few letters get plain characters, and never a traceback."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.streams import plain, plain_streams
from tests.conftest import draw_icon


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("█ 40 ± 3 → 5 \N{MULTIPLICATION SIGN} 2 …", "# 40 +/- 3 -> 5 x 2 ..."),
        ("┏━┓│└┘", "+-+|++"),
        ("Größe, café, “naïve” \N{EN DASH} ½", 'Grosse, cafe, "naive" - 1/2'),
        ("笑\udcff", "??"),
    ],
)
def test_what_an_encoding_lacks_is_written_plainly(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text(st.characters()), st.sampled_from(["ascii", "latin-1", "cp437", "shift_jis", "utf-8"]))
def test_any_text_can_be_written(text: str, encoding: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        plain_streams()
    stream.write(text)
    stream.flush()
    if text.isascii():
        assert stream.buffer.getvalue().decode() == text  # it is a BytesIO


@pytest.mark.parametrize(
    ("variables", "encoding"),
    [
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "ascii"),
        ({"PYTHONIOENCODING": "latin-1"}, "latin-1"),
    ],
)
def test_a_report_comes_whole_on_a_terminal_without_utf_8(
    tmp_path: Path, variables: dict[str, str], encoding: str
) -> None:
    for number in range(16):
        draw_icon(number).save(tmp_path / f"笑 {number}.png")
    (tmp_path / "絵.txt").write_bytes(b"")
    command = [sys.executable, "-m", "train", "inspect", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, env=os.environ | variables, check=False)
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode(encoding)
    assert "16 icons of 64 x 64 pixels" in shown
    assert "+/-" in shown if encoding == "ascii" else "±" in shown
    assert "?.txt" in shown
    assert b"Traceback" not in done.stderr
