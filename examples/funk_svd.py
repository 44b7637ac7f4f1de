"""Ratings foretold from factors and biases, and how far off they are.

python examples/funk_svd.py [EPOCHS]
"""

import sys

from tfrec_recall.data import datasets, random_events_out
from tfrec_recall.evaluation import evaluate_ratings
from tfrec_recall.models import FunkSVD

import tensorflow as tf  # isort: skip  # after the package, which selects Keras 2

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 20

data = datasets.load("movielens-100k")
split = random_events_out(data, test=0.1, validation=0.1)
features = FunkSVD.default_features(split.train).adapt(split.train)
tf.keras.utils.set_random_seed(0)
model = FunkSVD(features, dim=32)
model.compile(optimizer=model.optimizer_class(0.002))
model.fit(model.training_data(split.train), epochs=epochs, verbose=2)

retriever = model.retriever(data.items, k=5)
print(evaluate_ratings(retriever, split))

# What one user rated and training did not see, beside what was foretold.
titles = data.items.set_index("item_id")["title"]
held = split.test.targets
user = held["user_id"].mode()[0]
rated = held[held["user_id"] == user].head(8)
stars = retriever.predict_rating({"user_id": [user]}, [rated["item_id"].tolist()])[0].numpy()
print(f"\nUser {user} rated, and was foretold to rate:")
for item, given, foretold in zip(rated["item_id"], rated["rating"], stars, strict=True):
    print(f"  {given:.0f}  {foretold:.2f}  {titles[item]}")
