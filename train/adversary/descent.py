"""Adam on the networks of one side, as a step that can be recorded; a gradient that is not finite changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from train.adversary import distributed

PATIENCE = 16
"""So many skipped steps in a row mean that the side is broken."""


class Descent:
    """The optimizer of a side. Rates and what is skipped lie in tensors, so nothing waits for the device."""

    def __init__(
        self, networks: Sequence[nn.Module], rate: float, betas: tuple[float, float], device: torch.device
    ) -> None:
        self.networks, self.rate = networks, rate
        self._parameters = [
            parameter for network in networks for parameter in network.parameters() if parameter.requires_grad
        ]
        self._adam = torch.optim.Adam(
            self._parameters,
            lr=torch.tensor(rate, device=device),  # where a recorded step can read it
            betas=betas,
            fused=True,
            capturable=device.type == "cuda",
        )
        self._is_broken = torch.zeros((), device=device)
        vars(self._adam)["found_inf"] = self._is_broken  # what torch's own gradient scaler hands to the fused step
        self._skipped = torch.zeros((), device=device)

    def scale_rate(self, share: float) -> None:
        """Let the rate be this share of the recipe's."""
        for group in self._adam.param_groups:
            group["lr"].fill_(self.rate * share)

    def learn(self, *, allowed: bool) -> None:
        """Whether the networks take gradients."""
        for network in self.networks:
            network.requires_grad_(allowed)

    def step(self, output: torch.Tensor, pull: torch.Tensor | None = None) -> None:
        """One step down a loss, a scalar, or down `pull`, the gradient of a loss by an output; over all processes."""
        self._adam.zero_grad()
        output.backward(pull)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        distributed.average_gradients(gradients)
        self._is_broken.copy_(~torch.nn.utils.get_total_norm(gradients).isfinite())
        self._adam.step()
        self._skipped.add_(1).mul_(self._is_broken)

    def is_well(self) -> bool:
        """Whether gradients have been finite lately. This waits for the device."""
        return bool(self._skipped < PATIENCE)

    def state(self) -> dict[str, torch.Tensor]:
        """Adam's moments, as named tensors."""
        return {
            f"{index}/{name}": value
            for index, moments in self._adam.state_dict()["state"].items()
            for name, value in moments.items()
        }

    def load_state(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Go on from what `state` gave. Raises ValueError or IndexError when it does not fit."""
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in tensors.items():
            index, _, moment = name.partition("/")
            # The fused optimizer walks memory: moments have to lie as their parameter does. None is shared with others.
            like = torch.empty_like(self._parameters[int(index)], device="cpu") if value.ndim else torch.empty(())
            moments.setdefault(int(index), {})[moment] = like.copy_(value)
        self._adam.load_state_dict({"state": moments, "param_groups": self._adam.state_dict()["param_groups"]})
        self._skipped.zero_()
