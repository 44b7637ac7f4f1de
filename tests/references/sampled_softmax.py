"""The sampled softmax as a sum over single queries, in loops."""

import numpy as np


def sampled_softmax(
    query,
    positive,
    negatives,
    temperature=1.0,
    positive_ids=None,
    negative_ids=None,
    positive_log_probability=None,
    negative_log_probability=None,
    excluded_ids=None,
    own_negatives=None,
    own_negative_ids=None,
    own_negative_log_probability=None,
):
    """The loss of each query: -log of the positive's share among itself and what is a negative."""
    losses = []
    query = np.asarray(query, "float64")  # exp overflows sooner in float32
    for i, q in enumerate(query):
        own = q @ positive[i] / temperature
        if positive_log_probability is not None:
            own -= positive_log_probability[i]
        total = np.exp(own)
        for j, candidate in enumerate(negatives):
            if positive_ids is not None and negative_ids[j] == positive_ids[i]:
                continue
            if excluded_ids is not None and negative_ids[j] in excluded_ids[i]:
                continue
            logit = q @ candidate / temperature
            if negative_log_probability is not None:
                logit -= negative_log_probability[j]
            total += np.exp(logit)
        for j, candidate in enumerate([] if own_negatives is None else own_negatives[i]):
            left_out = [0, positive_ids[i], *([] if excluded_ids is None else excluded_ids[i])]
            if own_negative_ids[i][j] not in left_out:
                logit = q @ candidate / temperature
                if own_negative_log_probability is not None:
                    logit -= own_negative_log_probability[i][j]
                total += np.exp(logit)
        losses.append(np.log(total) - own)
    return np.array(losses)
