"""The in-batch softmax, its value and its gradients, in loops from the equations."""

import dataclasses

import numpy as np


@dataclasses.dataclass
class Result:
    loss: float
    query: np.ndarray  # gradients of the loss
    candidates: np.ndarray
    log_probability: np.ndarray
    weights: np.ndarray
    log_temperature: float


def in_batch_softmax(
    query,
    candidates,
    temperature=1.0,
    log_probability=None,
    weights=None,
    negatives=None,
    hard_negatives=None,
    interest_mask=None,
):
    """Sum over i of w_i (log sum_j exp l_ij - l_ii), with l_ij = max_m q_im . c_j / T - log p_j.

    `negatives(i, j)` says whether j != i is a negative of i; of those, `hard_negatives` with the
    largest logits enter the sum over j, together with j = i.
    """
    query, candidates = np.asarray(query, np.float64), np.asarray(candidates, np.float64)
    interests = query if query.ndim == 3 else query[:, np.newaxis]
    size, count = len(interests), interests.shape[1]
    weights = np.ones(size) if weights is None else np.asarray(weights, np.float64)
    correction = np.zeros(len(candidates)) if log_probability is None else log_probability
    present = np.ones((size, count), bool) if interest_mask is None else interest_mask
    negatives = negatives or (lambda i, j: True)

    d_query, d_candidates = np.zeros_like(interests), np.zeros_like(candidates)
    d_correction, losses, d_log_temperature = np.zeros(len(candidates)), np.zeros(size), 0.0
    for i in range(size):
        logits, best = np.zeros(len(candidates)), np.zeros(len(candidates), int)
        for j, candidate in enumerate(candidates):
            scores = {m: interests[i, m] @ candidate for m in range(count) if present[i, m]}
            best[j] = max(scores, key=scores.get)
            logits[j] = scores[best[j]] / temperature - correction[j]
        others = [j for j in range(len(candidates)) if j != i and negatives(i, j)]
        others = sorted(others, key=lambda j: -logits[j])[:hard_negatives]
        total = sum(np.exp(logits[j]) for j in [i, *others])
        losses[i] = np.log(total) - logits[i]
        for j in [i, *others]:
            d_logit = weights[i] * (np.exp(logits[j]) / total - (i == j))
            d_query[i, best[j]] += d_logit * candidates[j] / temperature
            d_candidates[j] += d_logit * interests[i, best[j]] / temperature
            d_correction[j] -= d_logit
            d_log_temperature -= d_logit * (logits[j] + correction[j])
    return Result(
        loss=float(weights @ losses),
        query=d_query.reshape(query.shape),
        candidates=d_candidates,
        log_probability=d_correction,
        weights=losses,
        log_temperature=d_log_temperature,
    )
