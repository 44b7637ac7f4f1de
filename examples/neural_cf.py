"""A learnt score instead of an inner product: both branches are trained alone, then together.

python examples/neural_cf.py [EPOCHS]
"""

import sys

from tfrec_recall.data import datasets, standard
from tfrec_recall.evaluation import evaluate
from tfrec_recall.models import NeuralCF

import tensorflow as tf  # isort: skip  # after the package, which selects Keras 2

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 5

data = datasets.load("movielens-100k")
split = standard(data)
features = NeuralCF.default_features(split.train).adapt(split.train)
tf.keras.utils.set_random_seed(0)
# Eq. 13 of the paper: the product and the tower have a half each of the joint logit.
model = NeuralCF(features, dim=16, alpha=0.5, apart=0.0, pretrain_epochs=epochs, shortlist=200)
model.compile(optimizer=model.optimizer_class(0.001))
model.fit(model.training_data(split.train), epochs=epochs, verbose=2)

retriever = model.retriever(data.items, k=8)  # 200 by the product's vectors, scored by the whole
print(evaluate(retriever, split, on="validation"))

titles = data.items.set_index("item_id")["title"]
seen = split.test.history.groupby("user_id")["item_id"].agg(list)
user, history = seen.index[0], seen.iloc[0]
raw = {"user_id": [user], "history": [history]}
item_id, score = retriever({name: raw[name] for name in retriever.inputs}, exclude=[history])
print(f"\nUser {user} last saw", "; ".join(titles[item] for item in history[-3:]), "and may like")
for item, points in zip(item_id[0].numpy(), score[0].numpy(), strict=True):
    print(f"  {points:.2f}  {titles[item.decode()]}")
