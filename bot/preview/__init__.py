"""`python -m bot preview`: the real bot in a simulated Discord, and the README's pictures of it."""
