"""The next film, learnt against drawn negatives and against those that the model mistakes for it.

python examples/youtube_dnn.py [EPOCHS]
"""

import sys

from tfrec_recall.data import datasets, standard
from tfrec_recall.evaluation import compare, evaluate
from tfrec_recall.models import YouTubeDNN
from tfrec_recall.sampling import Hard, Popularity

import tensorflow as tf  # isort: skip  # after the package, which selects Keras 2

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 6

data = datasets.load("movielens-100k")
split = standard(data)
features = YouTubeDNN.default_features(split.train).adapt(split.train)

drawn = Popularity(500, power=0.5)
hard = Hard(10, window=(100, 500))  # from these ranks of the user's list, mined before each epoch
reports = {}
for name, negatives in {"drawn": drawn, "and hard": [drawn, hard]}.items():
    tf.keras.utils.set_random_seed(0)
    model = YouTubeDNN(features, dim=32, hidden=(64,), negatives=negatives)
    model.compile(optimizer=model.optimizer_class(0.002))
    model.fit(model.training_data(split.train), epochs=epochs, verbose=2)
    retriever = model.retriever(data.items, k=8)
    reports[name] = evaluate(retriever, split, on="validation")
print(compare(reports))

titles = data.items.set_index("item_id")["title"]
users = data.users.set_index("user_id")
seen = split.test.history.groupby("user_id")["item_id"].agg(list)
user, history = seen.index[0], seen.iloc[0]
raw = {"history": [history], **{name: [users[name][user]] for name in users}}
item_id, score = retriever({name: raw[name] for name in retriever.inputs}, exclude=[history])
print(f"\nUser {user} last saw", "; ".join(titles[item] for item in history[-3:]), "and may like")
for item, points in zip(item_id[0].numpy(), score[0].numpy(), strict=True):
    print(f"  {points:.2f}  {titles[item.decode()]}")
