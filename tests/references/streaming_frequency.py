"""The streaming estimator of how often items are in a batch, in loops from its algorithm."""

import numpy as np

MASK = 2**64 - 1


def split_mix(number):
    """The mixing function of SplitMix64 on one Python integer."""
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & MASK
    return number ^ (number >> 31)


def bucket(number, position, buckets):
    """The bucket of an integer under the hash at this position."""
    start = (position + 1) * 0x9E3779B97F4A7C15
    return (split_mix((split_mix(number & MASK) + start) & MASK) & (MASK >> 1)) % buckets


class Estimator:
    """Algorithm 3: arrays A and B for each hash. `bucket_of` maps an item to a bucket for each."""

    def __init__(self, bucket_of, buckets, rate, initial_gap=None):
        self.bucket_of, self.rate, self.initial_gap = bucket_of, rate, initial_gap
        hashes = len(next(iter(bucket_of.values())))
        self.A = np.zeros((hashes, buckets), np.int64)
        self.B = np.full((hashes, buckets), 0.0 if initial_gap is None else initial_gap)
        self.t = 0

    def update(self, batch):
        self.t += 1
        for position in range(len(self.A)):
            for place in {self.bucket_of[item][position] for item in batch}:
                gap = self.t - self.A[position, place]
                if self.A[position, place] == 0 and self.initial_gap is None:
                    self.B[position, place] = gap
                else:
                    old = self.B[position, place]
                    self.B[position, place] = (1 - self.rate) * old + self.rate * gap
                self.A[position, place] = self.t

    def probability(self, item):
        gaps = []
        for position, place in enumerate(self.bucket_of[item]):
            never = self.A[position, place] == 0 and self.initial_gap is None
            gaps.append(self.t + 1 if never else self.B[position, place])
        return 1 / max(gaps)
