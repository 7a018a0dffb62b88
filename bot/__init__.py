"""The Discord side: commands, message cards, schedule, database."""
