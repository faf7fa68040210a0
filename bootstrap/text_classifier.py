"""A small linear classifier of texts in numpy: what the leak probes measure text with."""

import zlib
from collections.abc import Iterable

import numpy as np

DIMENSIONS = 2048


def hashed(keys: Iterable[str]) -> np.ndarray:
    """How often each key occurs, float32 [DIMENSIONS]; keys share places by their hash."""
    vector = np.zeros(DIMENSIONS, np.float32)
    for key in keys:
        vector[zlib.crc32(key.encode("utf-8", "replace")) % DIMENSIONS] += 1
    return vector


def fit(features: np.ndarray, labels: np.ndarray, classes: int, steps: int = 150, decay: float = 1e-3) -> np.ndarray:
    """Multinomial logistic regression by Adam on features [n, d]: weights [d + 1, classes], the last row the bias."""
    inputs = np.append(features, np.ones((len(features), 1), np.float32), 1)
    targets = np.eye(classes, dtype=np.float32)[labels]
    weights, mean, square = (np.zeros((inputs.shape[1], classes), np.float32) for _ in range(3))
    for step in range(1, steps + 1):
        logits = inputs @ weights
        chances = np.exp(logits - logits.max(1, keepdims=True))
        chances /= chances.sum(1, keepdims=True)
        slope = inputs.T @ (chances - targets) / len(inputs) + decay * weights
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope**2
        weights -= 0.02 * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
    return weights


def predict(weights: np.ndarray, features: np.ndarray) -> np.ndarray:
    """The likeliest class of each row, int [n]."""
    return (features @ weights[:-1] + weights[-1]).argmax(1)
