"""The training of the features that find copies."""
