"""One model for films that are seen, liked and loved: each asked for alone, and all together.

python examples/multi_objective.py [EPOCHS]
"""

import sys

from tfrec_recall.data import datasets, standard
from tfrec_recall.features import Categorical, Features, History, MultiValued, Objective
from tfrec_recall.models import MultiObjectiveTwoTower

import tensorflow as tf  # isort: skip  # after the package, which selects Keras 2

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 5

data = datasets.load("movielens-100k")
split = standard(data)
kinds = [
    Objective("seen"),  # any rating
    Objective("liked", "rating", at_least=4),
    Objective("loved", "rating", at_least=5),
]
features = Features(
    user=[History(length=50)], item=[Categorical("item_id"), MultiValued("genres")]
).adapt(split.train)
tf.keras.utils.set_random_seed(0)
model = MultiObjectiveTwoTower(features, kinds, dim=32, hidden=(64,), learn_weights=True)
model.compile(optimizer=model.optimizer_class(0.005))
model.fit(model.training_data(split.train), epochs=epochs, verbose=2)

# One index serves all: `objective` is an input of the request, "" is the blend.
retriever = model.retriever(data.items, k=5)
titles = data.items.set_index("item_id")["title"]
given = data.events.groupby("item_id")["rating"].mean().reindex(titles.index)
seen = split.test.history.groupby("user_id")["item_id"].agg(list)
user, history = seen.index[0], seen.iloc[0]
print(f"\nUser {user} last saw", "; ".join(titles[item] for item in history[-3:]))
for objective in ("seen", "liked", "loved", ""):
    query = {"history": [history], "objective": [objective]}
    item_id, score = retriever(query, exclude=[history])
    print(f"\nmay be {objective or 'all of that'} next (score, mean rating):")
    for item, points in zip(item_id[0].numpy(), score[0].numpy(), strict=True):
        print(f"  {points:.2f}  {given[item.decode()]:.1f}  {titles[item.decode()]}")
