"""Saved by Keras and loaded in a new process, with nothing imported but the package."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.contract.model_cases import (
    BATCH,
    CASES,
    ONE_OF_A_KIND,
    SEEN,
    asked,
    beginning,
    begun,
    built,
    its_features,
    learnt_after,
    learnt_by,
    requests,
    the_board,
)
from tfrec_recall import _registry, models
from tfrec_recall.data import Interactions
from tfrec_recall.data.packing import unpack
from tfrec_recall.export import export, load
from tfrec_recall.features import (
    Categorical,
    Features,
    History,
    MultiValued,
    Numeric,
    Objective,
    TimeOf,
    Words,
)
from tfrec_recall.graph import Jaccard, NoiseRemoval
from tfrec_recall.optimizers import FusedAdam
from tfrec_recall.sampling import Hard, InBatch, LogUniform, Popularity, Shown

TOWERS = {"query_model": "history", "candidate_model": "tags"}  # and a feature of theirs
FORMATS = ("file.keras", "directory")

# Encoded: a full history, a padded one, and a stranger without any.
INPUTS = {
    "user_id": [2, 3, 1],
    "country": [2, 3, 0],
    "history": [[2, 3, 4, 5, 6, 7, 8, 9], [4, 2, 9, 0, 0, 0, 0, 0], [0] * SEEN],
    "item_id": [2, 3, 1],
    "tags": [[2, 3], [2, 0], [0, 0]],
}

LOADER = """
    import json, sys
    import tfrec_recall
    import numpy as np
    import pandas as pd
    import tensorflow as tf

    told = json.loads(sys.stdin.readline())
    items, queries = pd.DataFrame(told["items"]), told["queries"]
    for line in sys.stdin:
        request, answers = json.loads(line), {}
        for name, path in request["towers"].items():
            tower = tf.keras.models.load_model(path)
            inputs = {n: tf.constant(told["inputs"][n], tf.int32) for n in tower.input_names}
            for place, output in enumerate(tf.nest.flatten(tower(inputs))):
                answers[f"{name} {place}"] = output.numpy()
        for name, path in request["models"].items():
            model = tf.keras.models.load_model(path)
            optimizer = getattr(model.optimizer, "variables", [])
            for place, weight in enumerate([*model.weights, *optimizer]):
                answers[f"{name} {place}"] = weight.numpy()
            if not path.endswith(".keras"):
                continue
            retriever = model.retriever(items, k=7)
            tf.config.run_functions_eagerly(True)  # for one answer no graph pays
            ids, scores = retriever({n: queries[n] for n in retriever.inputs})
            answers[f"{name} ids"] = np.char.decode(ids.numpy().astype(bytes))
            answers[f"{name} scores"] = scores.numpy()
            tf.config.run_functions_eagerly(False)
        np.savez(request["answers"], **answers)
        print("answered", flush=True)
"""


def forms_of(model_class):
    """A directory holds what a file does: one of a kind shows it."""
    return FORMATS if model_class in ONE_OF_A_KIND else FORMATS[:1]


SAVED = [(model_class, form) for model_class in CASES for form in forms_of(model_class)]


def towers_of(model_class):
    return [side for side in TOWERS if hasattr(begun(model_class), side)]


class NewProcess:
    """A process that loads what the tests' process has saved, and answers from it.

    Args:
        folder: for what is saved, what is answered, and what is said on the way.
    """

    def __init__(self, folder):
        self.folder, self._found = folder, {}
        self._said = (folder / "said.txt").open("w+")
        kept = {n: v for n, v in os.environ.items() if n != "TF_USE_LEGACY_KERAS"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(LOADER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env=kept,
        )
        queries = {**requests(the_board()), "objective": [""] * (len(the_board().users) + 1)}
        items = the_board().items.to_dict("list")
        self._tell({"inputs": INPUTS, "queries": queries, "items": items})

    def of(self, model_class):
        """What it finds in the files of a model, by part, format and place."""
        if model_class not in self._found:
            self._found[model_class] = self._asked(model_class)
        return self._found[model_class]

    def end(self):
        self.process.communicate()
        self._said.close()

    def _tell(self, what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def _asked(self, model_class):
        model, folder = begun(model_class), self.folder / model_class.__name__
        wanted = {"towers": {}, "models": {}, "answers": f"{folder}.npz"}
        folder.mkdir()
        for form in forms_of(model_class):
            options = {} if form.endswith(".keras") else {"save_traces": False}
            for side in towers_of(model_class):
                wanted["towers"][f"{side} {form}"] = path = str(folder / f"{side} {form}")
                getattr(model, side).save(path, **options)
            wanted["models"][form] = path = str(folder / form)
            model.save(path)
        self._tell(wanted)
        answered = self.process.stdout.readline()
        self._said.seek(0)
        assert answered, self._said.read()[-3000:]
        with np.load(wanted["answers"]) as found:
            return dict(found)


@pytest.fixture(scope="session")
def new_process(tmp_path_factory):
    made = NewProcess(tmp_path_factory.mktemp("saved"))
    yield made
    made.end()


@pytest.mark.parametrize(("model_class", "form"), SAVED)
def test_towers_answer_the_same_in_a_new_process(model_class, form, new_process):
    model, answers = begun(model_class), new_process.of(model_class)
    for side in towers_of(model_class):
        tower = getattr(model, side)
        inputs = {name: tf.constant(INPUTS[name], tf.int32) for name in tower.input_names}
        for place, output in enumerate(tf.nest.flatten(tower(inputs))):
            found = answers[f"{side} {form} {place}"]
            np.testing.assert_allclose(found, output, atol=1e-6)


@pytest.mark.parametrize(("model_class", "form"), SAVED)
def test_whole_models_are_the_same_in_a_new_process(model_class, form, new_process):
    """All that was learnt, and the state of the optimiser."""
    model, answers = begun(model_class), new_process.of(model_class)
    state = [*model.weights, *getattr(model.optimizer, "variables", [])]
    for place, weight in enumerate(state):
        found = answers[f"{form} {place}"]
        np.testing.assert_array_equal(found, weight, err_msg=weight.name)
    assert f"{form} {len(state)}" not in answers


@pytest.mark.parametrize("model_class", CASES)
def test_whole_models_answer_the_same_in_a_new_process(model_class, new_process):
    ids, scores = asked(beginning(model_class), requests(the_board()), k=7)
    answers = new_process.of(model_class)
    np.testing.assert_array_equal(answers[f"{FORMATS[0]} ids"], ids)
    np.testing.assert_allclose(answers[f"{FORMATS[0]} scores"], scores, rtol=1e-5)


@pytest.mark.parametrize(
    ("model_class", "form"), [(models.FunkSVD, FORMATS[1]), (models.Item2Vec, FORMATS[0])]
)
def test_a_loaded_model_learns_on_and_is_exported(model_class, form, tmp_path):
    first = built(model_class)
    first.fit(first.training_data(the_board(), BATCH), verbose=0)
    first.save(tmp_path / form)
    loaded = tf.keras.models.load_model(tmp_path / form)
    data = loaded.training_data(the_board(), BATCH, first_epoch=1)
    loaded.fit(data, initial_epoch=1, epochs=2, verbose=0)
    for ours, theirs in zip(learnt_by(loaded), learnt_after(model_class, epochs=2), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    queries = requests(the_board())
    retriever = loaded.retriever(the_board().items, k=7)
    served = asked(load(export(retriever, tmp_path / "export")), queries, k=7)
    np.testing.assert_array_equal(served[0], asked(retriever, queries, k=7)[0])


@pytest.mark.parametrize("model_class", CASES)
def test_the_config_holds_all_arguments_as_plain_values(model_class):
    model = begun(model_class)
    config = json.loads(json.dumps(model.get_config()))
    same = model_class.from_config(config)
    assert same.get_config() == model.get_config()
    assert len(same.get_weights()) == len(model.get_weights())
    # By their places they are frozen again.
    layers, again = ([type(one) for one in m._flatten_layers()] for m in (model, same))
    assert layers == again
    ids = unpack(
        config["features"]["config"]["encodings"]["item_id"]["config"]["vocabulary"]["ids"]
    )
    assert ids.tolist() == its_features().item_vocabulary.ids.tolist()


def test_objects_and_arrays_among_the_arguments_travel():
    features = its_features()
    vectors = pd.DataFrame(np.eye(2, 8, dtype="float32"), index=features.item_vocabulary.ids[:2])
    shown = pd.DataFrame({"user_id": ["u", "v"], "item_id": ["x", "y"]})
    kinds = [InBatch(), LogUniform(3), Popularity(4, power=0.5), Hard(2, window=(1, 9))]
    kinds.append(Shown(5, shown))
    youtube = built(models.YouTubeDNN, item_vectors=vectors, negatives=kinds)
    again = models.YouTubeDNN.from_config(json.loads(json.dumps(youtube.get_config())))
    table = again.item_model({"item_id": tf.constant([2, 3]), "tags": tf.zeros([2, 1], tf.int32)})
    np.testing.assert_array_equal(table, vectors.to_numpy())
    *found, impressions = again.softmax.kinds
    assert [repr(kind) for kind in found] == [
        repr(kind).replace("(1, 9)", "[1, 9]") for kind in kinds[:-1]
    ]
    pd.testing.assert_frame_equal(impressions.impressions, shown, check_dtype=False)

    item_cf = models.ItemCF(features, similarity=Jaccard(shrinkage=2.0))
    assert models.ItemCF.from_config(item_cf.get_config()).similarity == Jaccard(shrinkage=2.0)
    eges = built(models.EGES, noise_removal=NoiseRemoval(most_events=9))
    again = models.EGES.from_config(eges.get_config())
    assert again.noise_removal == NoiseRemoval(most_events=9)


def test_an_argument_without_a_configuration_is_named():
    class Own(Jaccard):
        get_config = property()

    model = models.ItemCF(its_features(), similarity=Own())
    with pytest.raises(ValueError, match=r"similarity has no configuration: .*register_keras_seri"):
        model.get_config()


def test_compiled_steps_are_compiled_again(tmp_path):
    model = built(models.FMRecall)
    model.compile(tf.keras.optimizers.Adam(0.5), jit_compile=True, steps_per_execution=4)
    for form in FORMATS:
        model.save(tmp_path / form)
        loaded = tf.keras.models.load_model(tmp_path / form)
        assert loaded.compiled_step is not None
        assert int(loaded._steps_per_execution) == 4
        assert float(loaded.optimizer.learning_rate) == 0.5


@pytest.mark.parametrize("form", FORMATS)
def test_a_model_with_a_legacy_optimizer_is_loaded(form, tmp_path):
    model = built(models.TwoTower)
    model.compile(tf.keras.optimizers.legacy.Adam(0.5), run_eagerly=True)
    model.fit(model.training_data(the_board(), batch_size=BATCH).take(1), verbose=0)
    model.save(tmp_path / form)
    loaded = tf.keras.models.load_model(tmp_path / form)
    assert isinstance(loaded.optimizer, tf.keras.optimizers.legacy.Adam)
    assert float(loaded.optimizer.learning_rate) == 0.5
    for weight, saved in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, saved)


@pytest.mark.parametrize("path", ["model.h5", "model.hdf5"])
def test_a_whole_model_in_hdf5_says_what_to_use(path, tmp_path):
    with pytest.raises(ValueError, match=r"\.keras file or as a directory.*Received: .*model\.h"):
        built(models.TwoTower).save(tmp_path / path)


@pytest.mark.parametrize("model_class", [models.MIND, models.TwoTower])
def test_a_directory_with_traces_answers_by_its_layers(model_class, tmp_path):
    """Which is how Keras saves when nothing is said; in traces of the calls masks are lost."""
    tower = begun(model_class).query_model
    tower.save(tmp_path / "tower")
    loaded = tf.keras.models.load_model(tmp_path / "tower")
    inputs = {name: tf.constant(INPUTS[name], tf.int32) for name in tower.input_names}
    found, expected = (tf.nest.flatten(each(inputs)) for each in (loaded, tower))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_directory_without_the_package_is_an_error_and_no_other_answer(tmp_path):
    """Keras would go by traces of the calls, in which masks are lost."""
    begun(models.TwoTower).query_model.save(tmp_path / "tower")
    program = "import sys, tensorflow as tf; tf.keras.models.load_model(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "tower")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
    )
    assert done.returncode != 0
    assert "tfrec_recall>" in done.stderr


def test_the_names_that_keras_is_told_are_those_of_the_package():
    registered = {
        name: found
        for name, found in tf.keras.utils.get_custom_objects().items()
        if name.startswith("tfrec_recall>") and found.__module__.startswith("tfrec_recall.")
    }
    assert {name.partition(">")[2] for name in registered} == set(_registry.NAMES)
    assert not any(isinstance(found, _registry.Absent) for found in registered.values())


def test_features_are_as_adapted_as_they_were():
    data = the_board()
    items = data.items.assign(price=np.arange(len(data.items)) % 7.0, n=range(len(data.items)))
    data = Interactions(data.events, data.users, items)
    features = Features(
        user=[TimeOf(part="weekday"), History(length=3), History("timestamp", name="when")],
        item=[
            *(Categorical("item_id", min_count=2), Numeric("price", buckets=3)),
            *(Numeric("n", log=True), MultiValued("tags"), Words("item_id", name="words")),
        ],
        objectives=[Objective("liked", "rating", at_least=4.0)],
    ).adapt(data)
    again = Features.from_config(json.loads(json.dumps(features.get_config())))
    assert (again.user, again.item) == (features.user, features.item)
    assert again.objectives == features.objectives
    assert again.describe() == features.describe()
    assert (again.has_order, again.has_baskets) == (True, False)
    assert again.encodings["history"] is again.encodings["item_id"]
    np.testing.assert_array_equal(again.item_counts, features.item_counts)
    for name, encoded in features.encode_items(items).items():
        np.testing.assert_array_equal(again.encode_items(items)[name], encoded)
        np.testing.assert_array_equal(again.item_table[name], features.item_table[name])


def test_frozen_vectors_stay_frozen_in_a_loaded_model(tmp_path):
    ids = its_features().item_vocabulary.ids
    given = pd.DataFrame(np.eye(len(ids), 8, dtype="float32"), index=ids)
    model = built(models.YouTubeDNN, item_vectors=given, freeze_items=True)
    for form in FORMATS:
        model.save(tmp_path / form)
        loaded = tf.keras.models.load_model(tmp_path / form)
        assert len(loaded.trainable_weights) == len(model.trainable_weights)
        loaded.fit(loaded.training_data(the_board(), batch_size=64).take(1), verbose=0)
        known, tags = tf.range(2, 2 + len(ids)), tf.zeros([len(ids), 1], tf.int32)
        item = loaded.item_model({"item_id": known, "tags": tags})
        np.testing.assert_array_equal(item, given)


def flags_of(model):
    """Of each layer, by its place, whether it learns."""
    return [layer._trainable for layer in model._flatten_layers()]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("compiled", [True, False])
def test_frozen_layers_stay_frozen_in_a_loaded_model(form, compiled, tmp_path):
    model = models.TwoTower(its_features(), **CASES[models.TwoTower])
    model.candidate_model.trainable = False
    data = model.training_data(the_board(), batch_size=BATCH).take(1)
    if compiled:
        model.compile(tf.keras.optimizers.Adam(0.02), run_eagerly=True)
        model.fit(data, verbose=0)
    model.save(tmp_path / form)
    loaded = tf.keras.models.load_model(tmp_path / form)
    assert flags_of(loaded) == flags_of(model)
    before = loaded.candidate_model.get_weights()
    if compiled:
        assert len(loaded.optimizer.variables) == len(model.optimizer.variables)
        for own, saved in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
            np.testing.assert_array_equal(own, saved)
    else:
        loaded.compile(tf.keras.optimizers.Adam(0.02))
    loaded.run_eagerly = True
    loaded.fit(data, verbose=0)
    for weight, old in zip(loaded.candidate_model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


@pytest.mark.parametrize("form", FORMATS)
def test_layers_that_are_frozen_after_they_have_learnt_can_be_saved(form, tmp_path):
    model = built(models.TwoTower)
    model.run_eagerly = True
    model.fit(model.training_data(the_board(), batch_size=BATCH).take(1), verbose=0)
    model.candidate_model.trainable = False
    model.save(tmp_path / form)
    loaded = tf.keras.models.load_model(tmp_path / form)
    assert flags_of(loaded) == flags_of(model)
    for weight, saved in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, saved)


@pytest.mark.parametrize("model_class", [models.TwoTower, models.ItemCF])
def test_a_model_that_learns_nothing_has_an_optimizer_too(model_class):
    model = model_class(its_features(), **CASES[model_class])
    model.trainable = False
    assert model.optimizer_class is FusedAdam


def test_features_that_are_adapted_again_change_no_model():
    """As where each of several parts of the data has its model."""
    user, item = [Categorical("user_id"), History()], [Categorical("item_id")]
    features = Features(user, item).adapt(the_board())
    model = models.TwoTower(features, dim=4, hidden=())
    model.has_learnt.assign(1)
    known = model.features.item_vocabulary.ids.tolist()
    config, vectors = json.dumps(model.get_config()), model.embed_items(the_board().items)
    few = the_board().take(np.arange(20))
    assert features.adapt(few).item_vocabulary.ids.tolist() != known
    assert model.features.item_vocabulary.ids.tolist() == known
    assert json.dumps(model.get_config()) == config
    np.testing.assert_array_equal(model.embed_items(the_board().items), vectors)


def test_weights_of_other_ids_are_refused(tmp_path):
    """Tables of one size, in whose rows are others."""
    board, path = the_board(), tmp_path / "of.weights.h5"
    others = {id: id + " again" for id in board.items["item_id"]}
    renamed = [t.assign(item_id=t["item_id"].map(others)) for t in (board.events, board.items)]
    specification = [Categorical("user_id"), History()], [Categorical("item_id")]
    first, same, other = (
        models.TwoTower(Features(*specification).adapt(data), dim=4, hidden=())
        for data in (board, board, Interactions(renamed[0], board.users, renamed[1]))
    )
    first.save_weights(path)
    same.load_weights(path)
    np.testing.assert_array_equal(same.get_weights()[0], first.get_weights()[0])
    with pytest.raises(ValueError, match=r"know other ids.*Received: .*of\.weights\.h5"):
        other.load_weights(path)
    other.load_weights(path, skip_mismatch=True)
