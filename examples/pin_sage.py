"""Which films belong together, from their features and from the important films around them.

python examples/pin_sage.py [EPOCHS]
"""

import sys

from tfrec_recall.data import datasets, standard
from tfrec_recall.models import PinSAGE

import tensorflow as tf  # isort: skip  # after the package, which selects Keras 2

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 5

data = datasets.load("movielens-100k")
split = standard(data)
features = PinSAGE.default_features(split.train).adapt(split.train)
tf.keras.utils.set_random_seed(0)
model = PinSAGE(features, dim=32, neighbours=20)
model.compile(optimizer=model.optimizer_class(0.002))
model.fit(model.training_data(split.train), epochs=epochs, verbose=2)

titles = data.items.set_index("item_id")["title"]
some = split.train.events["item_id"].value_counts().index[[0, 10, 50]].tolist()
neighbours, cosines = model.retriever(data.items).similar_items(some, k=5)
for item, row, scores in zip(some, neighbours.numpy(), cosines.numpy(), strict=True):
    print(f"\n{titles[item]}")
    for found, cosine in zip(row, scores, strict=True):
        print(f"  {cosine:.2f}  {titles[found.decode()]}")
