"""The commands of `python -m train`: what is typed, and the sentences that come back."""
