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


def session_split(times, gap, most, past, ids=None):
    """Which of one user's events, oldest first, are short term, and which long term.

    With ids, a session ends where they change; a gap merges those that are less than it apart.
    """
    sessions = [[0]]
    for t in range(1, len(times)):
        follows = gap is not None and times[t] - times[t - 1] < gap
        if ids is not None:
            follows = ids[t] == ids[t - 1] or follows
        if follows and len(sessions[-1]) < most:
            sessions[-1].append(t)
        else:
            sessions.append([t])
    short = sessions[-1]
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


def self_attention(states, query, key, value, output):
    """Section 3.3.2: heads of unscaled products, softmax(Q^T K) over the whole session.

    query, key, value [dim, heads, width], output [heads, width, dim].
    """
    heads = []
    for h in range(query.shape[1]):
        q, k, v = (states @ kernel[:, h] for kernel in (query, key, value))
        rows = []
        for t in range(len(states)):
            weight = np.exp(k @ q[t])
            rows.append(weight @ v / weight.sum())
        heads.append(np.array(rows) @ output[h])
    return sum(heads)


def user_vector(fields, short, long, profile, weights):
    """Figure 2 after the newest event.

    Args:
        fields: embeddings of each event's features, [events, fields, dim].
        short, long: which events are of the session, and which before.
        profile: e_u, [dim].
        weights: of the LSTMs, the self-attention, the dense layer and the gate.
    """
    states = fields[short].reshape(len(short), -1)
    for lstm_weights in weights["lstm"]:
        states = lstm(states, *lstm_weights)
    states = self_attention(states, *weights["attention"])
    session = user_attention(states, np.ones(len(states), bool), profile)
    present = np.isin(np.arange(len(fields)), long)
    tastes = [user_attention(fields[:, f], present, profile) for f in range(fields.shape[1])]
    kernel, bias = weights["dense"]
    taste = np.tanh(np.concatenate(tastes) @ kernel + bias)
    return gated_fusion(profile, session, taste, *weights["gate"])
