"""What this room brings: `/gallery`, whose pages are turned and opened."""

from __future__ import annotations

from bot.gallery.card import PageButton, PageVoteSelect, PickSelect
from bot.gallery.command import gallery_group
from bot.gallery.service import GalleryService
from bot.models.library import ModelLibrary
from bot.talk.feature import Feature

GALLERY = Feature(
    commands=[gallery_group],
    buttons=[PageButton, PickSelect, PageVoteSelect],
    services=lambda house: [GalleryService(house.database, house.get(ModelLibrary), house.clock)],
)
