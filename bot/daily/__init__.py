"""`/daily`: posts that come by themselves, once per schedule and date."""
