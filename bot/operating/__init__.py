"""For who hosts the bot: checks before it runs, and probes and figures while it does."""
