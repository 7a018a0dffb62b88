"""The one list of what the bot can do. Each feature says in its `feature.py` what it brings."""

from __future__ import annotations

from bot.daily.feature import DAILY
from bot.gallery.feature import GALLERY
from bot.guide.feature import GUIDE
from bot.icons.feature import ICONS
from bot.mix.feature import MIX
from bot.models.feature import MODELS
from bot.morph.feature import MORPH
from bot.neighbors.feature import NEIGHBORS
from bot.privacy.feature import PRIVACY
from bot.retraining.feature import RETRAINING
from bot.rules.feature import RULES
from bot.services import Services

FEATURES = (MODELS, ICONS, GALLERY, NEIGHBORS, MORPH, MIX, DAILY, RETRAINING, PRIVACY, RULES, GUIDE)
"""In this order their services are built: what a feature needs comes before it."""


def furnish(services: Services) -> Services:
    """Build the services of all features."""
    for feature in FEATURES:
        for service in feature.services(services):
            services.add(service)
    return services
