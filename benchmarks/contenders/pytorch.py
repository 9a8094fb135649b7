"""PyTorch, eager, masks multiplied in after each step."""

from __future__ import annotations

from typing import Any

from benchmarks.problem import Problem


class PyTorch:
    """The same network and optimizer in a plain loop over data in memory."""

    def __init__(self, problem: Problem, *, channels_last: bool = False) -> None:
        import torch

        self._torch, self._problem = torch, problem
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        network = _lenet(torch, problem) if problem.network.startswith("lenet") else _resnet20(torch, problem)
        self._model = network.to(memory_format=self._format)
        self._images = torch.from_numpy(problem.images()).permute(0, 3, 1, 2).contiguous(memory_format=self._format)
        self._labels = torch.from_numpy(problem.labels()).long()
        self._optimizer = torch.optim.SGD(self._model.parameters(), problem.rate, momentum=0.9, weight_decay=problem.l2)
        kernels = [parameter for parameter in self._model.parameters() if parameter.dim() > 1]
        self._masks = [(kernel, (torch.rand_like(kernel) < problem.density).float()) for kernel in kernels]

    def run(self) -> None:
        """Take all steps."""
        torch, batch = self._torch, self._problem.batch_size
        order = torch.randperm(self._problem.examples)
        for step in range(self._problem.steps):
            places = order[step * batch : (step + 1) * batch]
            images = (self._images[places].float() / 255 - 0.5) / 0.25
            loss = torch.nn.functional.cross_entropy(self._model(images), self._labels[places])
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            with torch.no_grad():
                for kernel, mask in self._masks:
                    kernel.mul_(mask)

    def masked_nonzero(self) -> int | None:
        """Count in the parameters themselves."""
        return sum(int(((kernel != 0) & (mask == 0)).sum()) for kernel, mask in self._masks)


def _lenet(torch: Any, problem: Problem) -> Any:
    nn = torch.nn
    pixels = problem.shape[0] * problem.shape[1] * problem.shape[2]
    layers = [nn.Flatten(), nn.Linear(pixels, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)]
    return nn.Sequential(*layers)


def _resnet20(torch: Any, problem: Problem) -> Any:
    """Return a ResNet-20 laid out as `networks/resnet_cifar.py`."""
    nn = torch.nn

    def convolve(before: int, after: int, kernel: int, stride: int) -> Any:
        convolution = nn.Conv2d(before, after, kernel, stride, (kernel - 1) // 2, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(after, eps=1e-5, momentum=0.003))

    class Block(nn.Module):  # type: ignore[name-defined]
        def __init__(self, before: int, after: int, stride: int, project: bool) -> None:
            super().__init__()
            self.shortcut = convolve(before, after, 1, stride) if project else nn.Identity()
            self.body = nn.Sequential(
                convolve(before, after, 3, stride), nn.ReLU(inplace=True), convolve(after, after, 3, 1)
            )

        def forward(self, x: Any) -> Any:
            return torch.relu(self.body(x) + self.shortcut(x))

    layers: list[Any] = [convolve(problem.shape[2], 16, 3, 1), nn.ReLU(inplace=True)]
    before = 16
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            layers.append(Block(before, filters, 2 if stage and not block else 1, project=block == 0))
            before = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, problem.classes))
