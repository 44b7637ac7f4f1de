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
    """Algorithm 3: arrays A and B for each hash. `bucket_of` maps an item to a bucket for each.

    Items that come later `begin` at the step of that: their buckets start as all do at first.
    """

    def __init__(self, bucket_of, buckets, rate, initial_gap=None):
        self.bucket_of, self.rate, self.initial_gap = bucket_of, rate, initial_gap
        hashes = len(next(iter(bucket_of.values())))
        self.A = np.zeros((hashes, buckets), np.int64)
        self.start = 0.0 if initial_gap is None else initial_gap
        self.B = np.full((hashes, buckets), self.start)
        self.met = np.zeros((hashes, buckets), bool)
        self.t = 0

    def begin(self, items):
        for item in items:
            for position, place in enumerate(self.bucket_of[item]):
                self.A[position, place], self.B[position, place] = self.t, self.start
                self.met[position, place] = False

    def moved(self, bucket_of, buckets):
        """One of other buckets: an item has the earliest A and the longest B of its hashes."""
        other = Estimator(bucket_of, buckets, self.rate, self.initial_gap)
        other.t = self.t
        for position in range(len(other.A)):
            for place in range(buckets):
                often = 0.0
                for item, places in self.bucket_of.items():
                    if bucket_of[item][position] != place:
                        continue
                    own = list(enumerate(places))
                    earliest = min(self.A[one] for one in own)
                    other.A[position, place] = max(other.A[position, place], earliest)
                    longest = max(self.B[one] for one in own)
                    if longest > 0:
                        often += 1 / longest
                if often:
                    other.B[position, place] = 1 / often
                    other.met[position, place] = True
        return other

    def update(self, batch):
        self.t += 1
        for position in range(len(self.A)):
            for place in {self.bucket_of[item][position] for item in batch}:
                gap = self.t - self.A[position, place]
                if not self.met[position, place] and self.initial_gap is None:
                    self.B[position, place] = gap
                else:
                    old = self.B[position, place]
                    self.B[position, place] = (1 - self.rate) * old + self.rate * gap
                self.A[position, place] = self.t
                self.met[position, place] = True

    def probability(self, item):
        gaps = []
        for position, place in enumerate(self.bucket_of[item]):
            never = not self.met[position, place] and self.initial_gap is None
            since = self.t + 1 - self.A[position, place]
            gaps.append(since if never else self.B[position, place])
        return 1 / max(gaps)
