"""What the bot decides: models and icons. Imports no discord."""
