"""EmbClickSim of the Airbnb paper, section 4.3: the nearest of the markets' centroids."""

import numpy as np


def session_similarity(candidate, history, groups, present):
    result = np.zeros(candidate.shape[:2])
    for row in range(len(candidate)):
        centroids = [
            np.mean(
                [history[row, e] for e in np.flatnonzero(present[row]) if groups[row, e] == g],
                axis=0,
            )
            for g in {groups[row, e] for e in np.flatnonzero(present[row])}
        ]
        for place, vector in enumerate(candidate[row]):
            cosines = [vector @ c / np.linalg.norm(vector) / np.linalg.norm(c) for c in centroids]
            result[row, place] = max(cosines, default=0.0)
    return result
