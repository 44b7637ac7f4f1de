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
from tfrec_recall.training import Checkpoints, on_one_device  # noqa: E402

folder, epochs = sys.argv[1], int(sys.argv[2])
with strategy.scope():
    model = built(models.TwoTower)
data = model.training_data(the_board(), batch_size=BATCH)
told = model.fit(data, epochs=epochs, callbacks=[Checkpoints(folder)], verbose=0)
vectors = on_one_device(model).embed_items(the_board().items)
print(json.dumps({"loss": told.history["loss"], "vectors": vectors.tolist()}))
