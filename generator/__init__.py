"""From a checkpoint and a seed to a picture. Imports neither train nor bot."""
