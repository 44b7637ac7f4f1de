"""A worker of the tests: learns with the others that TF_CONFIG names, and prints what it came to.

Without `tests.quick`: TensorFlow's runtime for several machines crashes without its optimizer.
"""

import json
import sys

from tfrec_recall.cluster import Cluster

cluster = Cluster.of()
strategy = cluster.strategy()  # before anything is computed

from tests.contract.model_cases import BATCH, built, the_board  # noqa: E402
from tfrec_recall import models  # noqa: E402
from tfrec_recall.data import last_events_out  # noqa: E402
from tfrec_recall.evaluation import RecallOnValidation  # noqa: E402
from tfrec_recall.training import Checkpoints, checkpoints, on_one_device  # noqa: E402

folder, epochs = sys.argv[1], int(sys.argv[2])
with strategy.scope():
    model = built(models.TwoTower)
measured = RecallOnValidation(last_events_out(the_board(), test=1, validation=1), cuts=(5,))
data = model.training_data(the_board(), batch_size=BATCH)
told = model.fit(data, epochs=epochs, callbacks=[measured, Checkpoints(folder)], verbose=0)
vectors = on_one_device(model).embed_items(the_board().items)
recall = told.history["val_recall@5"]
outcome = {"loss": told.history["loss"], "recall": recall, "vectors": vectors.tolist()}

checkpoints.WAITS = (0.1,)
own = folder if cluster.writes else f"{folder}/of the other one alone"
try:
    model.fit(data, epochs=epochs + 1, callbacks=[Checkpoints(own)], verbose=0)
except ValueError as error:
    outcome["said"] = str(error)
print(json.dumps(outcome))
