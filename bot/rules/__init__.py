"""`/settings`: what a server allows. `talk/guard.py` sees to it."""
