"""How good a model is, without downloaded weights: every figure stands beside the same figure between real icons."""

from train.metrics.judge import Judge, on_backgrounds, sample

__all__ = ["Judge", "on_backgrounds", "sample"]
