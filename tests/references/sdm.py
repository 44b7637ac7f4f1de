"""SDM's attention and fusion, user by user, from the paper's equations."""

import numpy as np


def user_attention(history, present, user, scaled=False):
    """Section 3.3.3: the events' products with the profile, through a softmax."""
    places = np.flatnonzero(present)
    if not len(places):
        return np.zeros_like(user)
    products = [history[place] @ user / (np.sqrt(len(user)) if scaled else 1) for place in places]
    weights = np.exp(products) / np.sum(np.exp(products))
    return sum(weight * history[place] for weight, place in zip(weights, places, strict=True))


def gated_fusion(user, short, long, w1, w2, w3, bias):
    """Section 3.5, a coordinate at a time."""
    result = np.zeros(len(short))
    for d in range(len(short)):
        logit = user @ w1[:, d] + short @ w2[:, d] + long @ w3[:, d] + bias[d]
        gate = 1 / (1 + np.exp(-logit))
        result[d] = (1 - gate) * long[d] + gate * short[d]
    return result


def session_split(times, gap, most, past):
    """Which of one user's events, oldest first, are short term, and which long term."""
    short = [len(times) - 1]
    while short[0] > 0 and len(short) < most and times[short[0]] - times[short[0] - 1] < gap:
        short.insert(0, short[0] - 1)
    long = [t for t in range(short[0]) if past is None or times[t] >= times[short[0]] - past]
    return short, long


def lstm(history, kernel, recurrent, bias):
    """The states of one sequence: gates in the order input, forget, cell, output."""
    units = recurrent.shape[0]
    state, cell, states = np.zeros(units), np.zeros(units), []
    for event in history:
        gates = event @ kernel + state @ recurrent + bias
        i, f, g, o = (gates[n * units : (n + 1) * units] for n in range(4))
        cell = cell / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        state = np.tanh(cell) / (1 + np.exp(-o))
        states.append(state)
    return np.array(states).reshape(len(history), units)
