"""The layers and a loss in a plain Keras model of yours, under Keras 3 or Keras 2.

python examples/own_layers.py [EPOCHS]                           # Keras 3
TF_USE_LEGACY_KERAS=1 python examples/own_layers.py [EPOCHS]     # Keras 2
"""

import os
import sys

os.environ.setdefault("TF_USE_LEGACY_KERAS", "0")  # before the first import of TensorFlow

import numpy as np
import tensorflow as tf

from tfrec_recall.data import Vocabulary, datasets, next_item, standard
from tfrec_recall.layers import L2Normalization, MaskedMean, Tower
from tfrec_recall.losses import InBatchSoftmax

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
dim, length = 32, 20
tf.keras.utils.set_random_seed(0)
print("Keras", 3 if os.environ["TF_USE_LEGACY_KERAS"] == "0" else 2)

# 1. Examples as arrays: a customer's last products, and the one that came next.
split = standard(datasets.load("online-retail"))
examples = next_item(split.train, history=length)
vocabulary = Vocabulary.build(examples.events["item_id"])
codes = vocabulary.encode(examples.events["item_id"])  # 0 is padding, 1 is unknown
history, item = examples.histories(codes, length=length), codes[examples.target]
frequency = vocabulary.counts / vocabulary.counts.sum()
log_frequency = np.log(np.maximum(frequency, 1e-9)).astype("float32")[item]

# 2. One table for both sides; the mask of its padding reaches MaskedMean by itself.
latest, bought = tf.keras.Input((length,), dtype="int32"), tf.keras.Input((), dtype="int32")
table = tf.keras.layers.Embedding(len(vocabulary), dim, mask_zero=True)
pooled = MaskedMean(half_life=5)(table(latest))  # [batch, dim]
user = L2Normalization()(Tower([64, dim])(pooled))
product = L2Normalization()(table(bought))  # [batch, dim]
towers = tf.keras.Model([latest, bought], [user, product])
softmax = InBatchSoftmax(temperature=0.1, remove_accidental_hits=True, reduction="mean")


class Trained(tf.keras.Model):
    """Adds the softmax over the batch, corrected for how often an item is in it."""

    def __init__(self, towers):
        super().__init__()
        self.towers = towers

    def call(self, batch):
        query, candidate = self.towers([batch["history"], batch["item"]])
        ids, logarithm = batch["item"], batch["log_frequency"]
        self.add_loss(softmax(query, candidate, candidate_ids=ids, log_probability=logarithm))
        return query


model = Trained(towers)
model.compile(optimizer=tf.keras.optimizers.Adam(0.005))
model.fit(
    {"history": history, "item": item, "log_frequency": log_frequency},
    batch_size=1024,
    epochs=epochs,
    verbose=2,
)

# 3. The products nearest to the latest purchases of one customer.
titles = split.interactions.items.set_index("item_id")["description"]
every = np.arange(2, len(vocabulary))  # all that are known
row = len(item) // 2
query, _ = towers([history[row : row + 1], item[row : row + 1]])
_, candidates = towers([np.zeros((len(every), length), "int32"), every])
scores = tf.linalg.matvec(candidates, query[0]).numpy()
scores[np.isin(every, history[row])] = -np.inf
print("\nLately bought:")
for code in history[row][history[row] > 0][-5:]:
    print(f"      {titles[vocabulary.decode([code])[0]]}")
print("and may like:")
for place in np.argsort(-scores)[:5]:
    print(f"  {scores[place]:.2f}  {titles[vocabulary.decode([every[place]])[0]]}")
