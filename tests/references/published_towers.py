"""The papers' towers and their losses, one example at a time, from the equations."""

import numpy as np


def tower(x, layers, activation):
    """Dense layers with biases, each activated: DSSM's Eq. 3; YouTube's Figure 3 with ReLU."""
    for kernel, bias in layers:
        x = activation(np.array([bias[j] + x @ kernel[:, j] for j in range(len(bias))]))
    return x


def relu(x):
    return np.maximum(x, 0.0)


def cosine(x, y):
    return x @ y / (np.sqrt(x @ x) * np.sqrt(y @ y))


def dssm_loss(query, positive, negatives, gamma):
    """CIKM 2013, Eq. 5 to 7: -log of the posterior of the clicked document."""
    exponents = np.exp([gamma * cosine(query, item) for item in (positive, *negatives)])
    return -np.log(exponents[0] / exponents.sum())


def corrected_batch_softmax(queries, items, rewards, probability, temperature):
    """RecSys 2019, section 3: the mean of r times -log of the corrected batch softmax."""
    total = 0.0
    for i, query in enumerate(queries):
        scores = [cosine(query, item) / temperature for item in items]
        corrected = [s - np.log(p) for s, p in zip(scores, probability, strict=True)]
        total -= rewards[i] * (corrected[i] - np.log(np.exp(corrected).sum()))
    return total / len(queries)


def sampled_softmax(queries, items, positives, drawn, log_probability):
    """RecSys 2016, section 3.1: the softmax over the positive and what is drawn, by importance."""
    losses = []
    for query, positive in zip(queries, positives, strict=True):
        chosen = [positive, *(n for n in drawn if n != positive)]
        logits = np.array([query @ items[n] - log_probability[n] for n in chosen])
        losses.append(np.log(np.exp(logits).sum()) - logits[0])
    return np.array(losses)


def uncertainty(losses, log_variances):
    """CVPR 2018, Eq. 10 for classifications: Σ L / σ² + log σ, with s = log σ²."""
    pairs = zip(losses, log_variances, strict=True)
    return sum(loss / np.exp(s) + 0.5 * s for loss, s in pairs)


def gap_estimates(batches, rate):
    """RecSys 2019, Algorithm 2 with B = 0 at first and no collisions: {item: p} after the last."""
    gap, last = {}, {}
    for step, batch in enumerate(batches, start=1):
        for item in set(batch):
            gap[item] = (1 - rate) * gap.get(item, 0.0) + rate * (step - last.get(item, 0))
            last[item] = step
    return {item: min(1.0, 1 / value) for item, value in gap.items()}
