"""`/neighbors`: pictures beside their nearest training icons."""
