"""The library's own copies of bundles, in `data/models/`: old messages name them long after the original is gone."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock

from generator.checkpoint import Bundle, read_bundle
from generator.files import CARD, BundleError
from generator.folders import make_folder, recover_folder, swap_in_folder

_FOLDER_DIGITS = 12


def keep_copy(source: Bundle, data: Path) -> Bundle:
    """Copy a bundle to `data/models/<digest>`, unless a good copy is there, and read the copy. Blocking.

    Raises BundleError when it cannot be written, or was replaced meanwhile.
    """
    folder = data / "models" / source.digest[:_FOLDER_DIGITS]
    try:
        make_folder(folder.parent)
        with FileLock(folder.parent / ".lock"):  # one process at a time
            recover_folder(folder)
            if not _holds(folder, source.digest):
                swap_in_folder(folder, {name: (source.path / name).read_bytes() for name in (CARD, *source.card.files)})
    except OSError as error:
        raise BundleError(
            f"{source.path}: the bundle cannot be copied to {folder} ({error.strerror}); check space and permissions."
        ) from error
    kept = read_bundle(folder)
    if kept.digest != source.digest:
        raise BundleError(f"{source.path}: the bundle was replaced while it was copied; start again.")
    return kept


def _holds(folder: Path, digest: str) -> bool:
    try:
        return read_bundle(folder).digest == digest
    except BundleError:
        return False
