"""MIND user by user, from section 3 of the paper."""

import numpy as np

from tests.references.interests import behaviour_to_interest, label_aware_attention


def relu(x):
    return np.maximum(x, 0)


def user_vectors(behaviours, profile, bilinear, draw, interests, iterations, layers):
    """Figure 3: each interest beside the profile, through ReLU layers.

    behaviours [n, dim], profile [width], draw [n, interests], layers: (kernel, bias) each.
    """
    present = np.ones(len(behaviours), bool)
    capsules, there = behaviour_to_interest(
        behaviours, present, bilinear, draw, interests, iterations
    )
    vectors = []
    for capsule in capsules[there]:
        hidden = np.concatenate([capsule, profile])
        for kernel, bias in layers:
            hidden = relu(hidden @ kernel + bias)
        vectors.append(hidden)
    return np.array(vectors)


def loss(vectors, target, others, power, log_q):
    """Eq. 10 to 12 with a sampled softmax: inner products of the label-aware vector.

    others: vectors of the drawn items; log_q: of the target, then of each of these.
    """
    user = label_aware_attention(vectors, target, power)
    logits = np.array([user @ item for item in (target, *others)]) - log_q
    return np.log(np.exp(logits).sum()) - logits[0]
