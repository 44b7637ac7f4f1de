"""One model for clicks, likes and bookings: each asked for alone, and all of them together.

python examples/multi_objective.py [EPOCHS]
"""

import sys

from tfrec_recall.data import datasets, standard
from tfrec_recall.features import Categorical, Features, History, Objective
from tfrec_recall.models import MultiObjectiveTwoTower

import tensorflow as tf  # isort: skip  # after the package, which selects Keras 2

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 5

market = datasets.load("simulated", events=30_000, items=600, markets=2)
split = standard(market)
kinds = [Objective(kind, "event_type", equals=kind) for kind in ("click", "like", "booking")]
features = Features(
    user=[History(length=50)], item=[Categorical("item_id"), Categorical("category")]
).adapt(split.train)
tf.keras.utils.set_random_seed(0)
model = MultiObjectiveTwoTower(features, kinds, dim=32, hidden=(64,), learn_weights=True)
model.compile(optimizer=model.optimizer_class(0.005))
model.fit(model.training_data(split.train, batch_size=256), epochs=epochs, verbose=2)

# One index serves all: `objective` is an input of the request, "" is the blend.
retriever = model.retriever(market.items, k=5)
category = market.items.set_index("item_id")["category"]
seen = split.test.history.groupby("user_id")["item_id"].agg(list)
history = max(seen, key=len)[-20:]
print("Lately clicked, by category:", ", ".join(category[item] for item in history[-8:]))
for objective in ("click", "like", "booking", ""):
    query = {"history": [history], "objective": [objective]}
    item_id, score = retriever(query, exclude=[history])
    print(f"\nfor {objective or 'all of them'}:")
    for item, points in zip(item_id[0].numpy(), score[0].numpy(), strict=True):
        print(f"  {points:.2f}  {item.decode()}  {category[item.decode()]}")
