"""The paper's experiment once more, in plain NumPy: a second implementation that shares no line with the library.

Written from the paper (Renda, Frankle, Carbin 2020, section 2 and Table 1) and from the random streams that
docs/reproducibility.md documents, for networks of dense layers with biases and rectified hidden units, trained by
momentum SGD with weight decay. All arithmetic is in float64, where the library computes in float32.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

TECHNIQUES = ("fine_tune", "weight_rewind", "lr_rewind", "low_lr_weight_rewind", "reinit")
# Of those that came after the paper: one that moves the momentum too, and one whose rates depend on what was pruned.
RESTARTS = ("one_cycle_restart", "adaptive_linear_lr_restart")
REWINDS_WEIGHTS = ("weight_rewind", "low_lr_weight_rewind")


# Random numbers


def key(*, seed, trial, depth, purpose, epoch):
    """Return the 128-bit key of a stream: the first half of a SHA-256, little end first."""
    text = f"tf_lottery {seed} {trial} {depth} {purpose} {epoch}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


def stream(**who):
    """Return the generator of a stream."""
    return np.random.Generator(np.random.Philox(key=key(**who)))


def order(count, examples, *, seed, trial, depth):
    """Return which example stands at each of the first `count` positions: the data again and again, each time anew."""
    epochs = -(-count // examples)
    who = {"seed": seed, "trial": trial, "depth": depth, "purpose": "order"}
    return np.concatenate([stream(**who, epoch=epoch).permutation(examples) for epoch in range(epochs)])[:count]


def augmentation(count, examples, *, seed, trial, depth):
    """Return the top and left corner (0 to 8) of each position's crop, and whether it is flipped: [count, 3]."""
    found = []
    for epoch in range(-(-count // examples)):
        generator = stream(seed=seed, trial=trial, depth=depth, purpose="augmentation", epoch=epoch)
        corners = generator.integers(0, 9, (examples, 2), dtype=np.int32)
        found.append(np.hstack([corners, generator.integers(0, 2, (examples, 1), dtype=np.int32)]))
    return np.concatenate(found)[:count]


# Data


@dataclass
class Data:
    """Images as the network sees them, [examples, features], and their labels."""

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def digits():
    """Return scikit-learn's digits: of each class 50 held out, a fifth of these for validation."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    generator = np.random.Generator(np.random.Philox(key=1998))
    held_out = np.zeros(len(raw.target), bool)
    for label in range(10):
        held_out[generator.permutation(np.flatnonzero(raw.target == label))[:50]] = True
    shuffled = np.random.Generator(np.random.Philox(key=20_200_305)).permutation(500)
    pixels = (raw.data / 16 - 0.3055) / 0.3762

    def part(chosen):
        return pixels[chosen], raw.target[chosen]

    outside = np.flatnonzero(held_out)
    return Data(part(~held_out), part(outside[np.sort(shuffled[:100])]), part(outside[np.sort(shuffled[100:])]))


def crop_and_flip(images, positions):
    """Return crops of images [n, height, width, channels] with a black border of 4 pixels, some flipped."""
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
    crops = [
        image[top : top + height, left : left + width] for image, (top, left, _) in zip(padded, positions, strict=True)
    ]
    return np.stack([crop[:, ::-1] if flip else crop for crop, (_, _, flip) in zip(crops, positions, strict=True)])


def standardise(images):
    """Return each image with mean 0 and variance 1; the deviation is at least 1 / sqrt(number of values)."""
    images = images.astype(np.float64)
    axes = tuple(range(1, images.ndim))
    deviation = images.std(axis=axes, keepdims=True)
    return (images - images.mean(axis=axes, keepdims=True)) / np.maximum(deviation, 1 / np.sqrt(images[0].size))


# Schedules


@dataclass
class Recipe:
    """Momentum SGD at a rate that falls tenfold at 91/182 and at 136/182 of the training."""

    rate: float
    momentum: float
    decay: float
    batch: int
    epochs: int  # T
    examples: int

    @property
    def steps(self):
        return math.ceil(self.examples * self.epochs / self.batch)

    def rate_at(self, step):
        """Return the rate of a step of the dense training, from 0; the step of a drop still has the old one."""
        drops = [math.floor(self.examples * self.epochs * part / (self.batch * 182)) for part in (91, 136)]
        return self.rate * 0.1 ** sum(step > drop for drop in drops)

    def steps_of(self, epochs):
        """Return how many steps the last epochs of the training have."""
        return self.steps if epochs == self.epochs else math.ceil(self.examples * epochs / self.batch)


def rates(recipe, technique, t, removed=None):
    """Return the rate of each step of a retraining for t epochs, or, with no technique, of the dense training.

    Args:
        recipe: Of the dense training.
        technique: Its name, or None.
        t: Epochs.
        removed: What `removed_share_and_norm` returned of the pruning.
    """
    every = [recipe.rate_at(step) for step in range(recipe.steps)]
    last = recipe.steps_of(t) if technique else 0
    if technique in ("fine_tune", "low_lr_weight_rewind"):
        return [every[-1]] * last
    if technique in ("weight_rewind", "lr_rewind"):
        return every[len(every) - last :]
    if technique == "reinit":
        return every + [every[-1]] * last
    if technique == "one_cycle_restart":
        return cycle(last, max(every) / 100, max(every), max(every) / 10_000)
    if technique == "adaptive_linear_lr_restart":
        share, norm = removed
        start = min(max(max(every) * norm / math.sqrt(share), max(every) * last / len(every)), max(every))
        warmup = last // 10
        rise = [start * (1 - math.cos(math.pi * step / warmup)) / 2 for step in range(warmup)]
        left = last - warmup
        return rise + [start * (1 - max(step - 1, 0) / left) for step in range(left)]
    return every


def cycle(steps, start, top, end):
    """Return a value for each step: half a cosine from start to top, at step 0.1 n - 1, and another one down to end."""
    turn, found = 0.1 * steps - 1, []
    for step in range(steps):
        if step < turn:
            found.append(start + (top - start) * (1 - math.cos(math.pi * step / turn)) / 2)
        else:
            part = (step - turn) / (steps - 1 - turn)
            found.append(end + (top - end) * (1 + math.cos(math.pi * part)) / 2)
    return found


def momenta(recipe, technique, steps):
    """Return the momentum of each step."""
    return cycle(steps, 0.95, 0.85, 0.95) if technique == "one_cycle_restart" else [recipe.momentum] * steps


# Pruning


def kept_count(total, density):
    """Return how many weights pass the percentile 100 - 100 d of all: N - ceil((1 - d) (N - 1))."""
    return total - math.ceil((1 - Fraction(f"{density:.10f}")) * (total - 1))


def global_magnitude(kernels, masks, density):
    """Return the masks that keep the largest weights of all kernels together, of those that are kept still."""
    pairs = zip(kernels, masks, strict=True)
    sizes = np.concatenate([np.where(mask != 0, np.abs(kernel), -1).ravel() for kernel, mask in pairs])
    keep = np.argsort(-sizes, kind="stable")[: kept_count(sizes.size, density)]
    flat = np.zeros(sizes.size)
    flat[keep] = 1
    ends = np.cumsum([kernel.size for kernel in kernels])[:-1]
    return [part.reshape(kernel.shape) for part, kernel in zip(np.split(flat, ends), kernels, strict=True)]


def removed_share_and_norm(network, before, after):
    """Return which share of the weights left a pruning removed, and their norm over that of all weights and biases."""
    left, kept = (sum(mask.sum() for mask in masks) for masks in (before, after))
    lost = sum((kernel**2 * (mask == 0)).sum() for kernel, mask in zip(network.kernels, after, strict=True))
    whole = sum((np.float64(part) ** 2).sum() for part in (*network.kernels, *network.biases))
    return (left - kept) / left, math.sqrt(lost / whole)


# Training


@dataclass
class Network:
    """Weights and velocities of dense layers; a velocity does not contain the rate."""

    kernels: list[np.ndarray]
    biases: list[np.ndarray]
    kernel_velocities: list[np.ndarray]
    bias_velocities: list[np.ndarray]

    @classmethod
    def fresh(cls, kernels, biases):
        """Return a network that was not trained yet."""
        return cls(kernels, biases, [np.zeros_like(k) for k in kernels], [np.zeros_like(b) for b in biases])

    def masked(self, masks):
        """Return the network with what masks do not keep set to 0, velocities too."""
        return Network(
            [kernel * mask for kernel, mask in zip(self.kernels, masks, strict=True)],
            list(self.biases),
            [velocity * mask for velocity, mask in zip(self.kernel_velocities, masks, strict=True)],
            list(self.bias_velocities),
        )


def start(technique, *, parent, rewound, fresh):
    """Return what a technique's weights and velocities start from, before they are masked.

    Args:
        technique: Its name.
        parent: What the parent stage trained.
        rewound: The dense network at epoch T - t.
        fresh: A network with new weights.
    """
    if technique == "one_cycle_restart":  # a new optimizer
        return Network.fresh(parent.kernels, parent.biases)
    return rewound if technique in REWINDS_WEIGHTS else fresh if technique == "reinit" else parent


def forward(network, images):
    """Return what each layer puts out, the images first and the logits last."""
    outputs = [np.asarray(images, np.float64)]
    for number, (kernel, bias) in enumerate(zip(network.kernels, network.biases, strict=True), 1):
        outputs.append(outputs[-1] @ kernel + bias)
        if number < len(network.kernels):
            outputs[-1] = np.maximum(outputs[-1], 0)
    return outputs


def measure(network, images, labels):
    """Return mean cross-entropy [nats] and accuracy."""
    logits = forward(network, images)[-1]
    return float(_losses(logits, labels).mean()), float((logits.argmax(1) == labels).mean())


def train(network, masks, batches, rates_, *, momenta_, decay):
    """Train step by step, in place of nothing: return the trained network, and each step's loss and accuracy.

    Args:
        network: Where it starts.
        masks: Of the kernels; what they do not keep stays 0.
        batches: Images and labels of each step.
        rates_: The learning rate of each step.
        momenta_: Of each step: a <- momentum a + gradient; w <- w - rate a.
        decay: Coefficient of sum(w^2) / 2 over kernels and biases.
    """
    kernels, biases = [k.astype(np.float64) for k in network.kernels], [b.astype(np.float64) for b in network.biases]
    now = Network.fresh(kernels, biases)
    now.kernel_velocities = [v.astype(np.float64) for v in network.kernel_velocities]
    now.bias_velocities = [v.astype(np.float64) for v in network.bias_velocities]
    history = []
    for (images, labels), rate, momentum in zip(batches, rates_, momenta_, strict=True):
        outputs = forward(now, images)
        logits = outputs[-1]
        history.append((float(_losses(logits, labels).mean()), float((logits.argmax(1) == labels).mean())))
        delta = _softmax(logits)
        delta[np.arange(len(labels)), labels] -= 1
        delta /= len(labels)
        for layer in reversed(range(len(kernels))):
            kernel, bias = kernels[layer], biases[layer]
            gradients = outputs[layer].T @ delta + decay * kernel, delta.sum(0) + decay * bias
            delta = (delta @ kernel.T) * (outputs[layer] > 0)
            for weights, velocities, gradient in (
                (kernels, now.kernel_velocities, gradients[0] * masks[layer]),
                (biases, now.bias_velocities, gradients[1]),
            ):
                velocities[layer] = momentum * velocities[layer] + gradient
                weights[layer] = weights[layer] - rate * velocities[layer]
            kernels[layer] = kernels[layer] * masks[layer]
    return now, history


def _softmax(logits):
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def _losses(logits, labels):
    return -np.log(_softmax(logits)[np.arange(len(labels)), labels])
