"""The latest session beside all before it: one user, asked with a session and without.

python examples/sdm.py [EPOCHS]
"""

import sys

from tfrec_recall.data import datasets, standard
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models import SDM

import tensorflow as tf  # isort: skip  # after the package, which selects Keras 2

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 3

data = datasets.load("movielens-100k")
split = standard(data)
features = Features(
    user=[History(length=50), History("timestamp", name="history_timestamp", length=50)],
    item=[Categorical("item_id")],
).adapt(split.train)
tf.keras.utils.set_random_seed(0)
model = SDM(features, dim=32, heads=2, past=None)  # the long term is all of the history
model.compile(optimizer=model.optimizer_class(0.005))
model.fit(model.training_data(split.train), epochs=epochs, verbose=2)

retriever = model.retriever(data.items, k=5)
titles = data.items.set_index("item_id")["title"]
seen = split.test.history.sort_values("timestamp").groupby("user_id")
items, times = seen["item_id"].agg(list), seen["timestamp"].agg(list)
user = items.map(len).idxmax()
history, when = items[user][-30:], times[user][-30:]
pause = [*when[:-3], *[when[-1] + 86_400 + second for second in range(3)]]  # three come a day later
for name, moments in {"one session": when, "the last three a day later": pause}.items():
    query = {"history": [history], "history_timestamp": [moments]}
    item_id, score = retriever(query, exclude=[history])
    print(f"\n{name}: after", "; ".join(titles[item] for item in history[-3:]))
    for item, points in zip(item_id[0].numpy(), score[0].numpy(), strict=True):
        print(f"  {points:.2f}  {titles[item.decode()]}")
