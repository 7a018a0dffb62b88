"""The report on a run: `report.png` and `report.html`, drawn from what stands in its folder.

python -m train report runs/0007-sagan-faces      draw both anew
"""

from __future__ import annotations

from pathlib import Path

from generator.folders import write_file
from generator.pictures import png
from train.report.history import Pictures, read_history
from train.report.page import to_page
from train.report.poster import to_poster
from train.run.folder import RunError

PICTURE, PAGE = "report.png", "report.html"


def write_run_report(run_path: Path) -> None:
    """Draw `report.png` and `report.html` into a run folder, at whose run a process may be at work.

    Raises RunError when it is no run folder or cannot be written. Takes a second or two.
    """
    history = read_history(run_path)
    pictures = Pictures.of(history)
    try:
        write_file(run_path / PICTURE, png(to_poster(history, pictures)))
        write_file(run_path / PAGE, to_page(history, pictures).encode())
    except OSError as error:
        raise RunError(f"{run_path}: the report cannot be written ({error.strerror}).") from error
