"""Which Mojigan this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """The version that is installed, or that none is: a source tree can be run as it lies there."""
    try:
        return version("mojigan")
    except PackageNotFoundError:
        return "(not installed)"
