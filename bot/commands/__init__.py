"""The slash commands: one thin file per family. Each parses, asks a service, and shows a card."""
