"""`/mix`: children of two icons."""
