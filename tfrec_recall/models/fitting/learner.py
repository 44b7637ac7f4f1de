"""How recall models learn: `compile`, `fit` and `evaluate` as in any Keras model."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import tensorflow as tf

from tfrec_recall._tracing import by_user
from tfrec_recall.layers.draws import seeded
from tfrec_recall.layers.tables import is_far
from tfrec_recall.losses import InBatchSoftmax
from tfrec_recall.models.compiled_steps import CompiledSteps
from tfrec_recall.models.fitting.feeding import feed
from tfrec_recall.models.fitting.keras_arguments import (
    COMPILE,
    EVALUATE,
    FIT,
    NOT_OF_BATCHES,
    NOT_OF_COMPILE,
    NOT_OF_FIT,
    TEST_ON_BATCH,
    TO_MEASURE,
    TRAIN_ON_BATCH,
    batch_of,
    batches,
    naming_columns,
    refuse,
    require_batches,
)
from tfrec_recall.models.fitting.memory import check_state, tell_of_all_rows
from tfrec_recall.models.fitting.one_batch import on_batch
from tfrec_recall.models.fitting.run import Passes, Run, callbacks_in, checkpoints_of, with_own
from tfrec_recall.models.growing.saved_whole import SavedWhole
from tfrec_recall.models.learning import replicas
from tfrec_recall.training.copies import Copies

# Added to the seed of a step, which decides what the loss draws by itself.
WITHIN, OUTSIDE = [2**32, 0], [2**33, 0]
LOSSES = ("regularization_loss", "total_loss")  # what a step reports
Batch = dict[str, tf.Tensor]


class LearntNothing(UserWarning):
    """What is asked of a model follows from the random numbers that it begins with."""


class Learner(SavedWhole):
    """A model that learns by descent from batches, which are dictionaries of tensors.

    A subclass writes `compute_loss(batch, training)`, the mean loss of the batch's examples, and
    `examples_in(batch)` where these are not the rows of `item_id`.

    `loss`, and `val_loss` or what `evaluate` returns, is the mean over the examples of an epoch,
    whatever the sizes of its batches. As in Keras, a sample weight multiplies the loss of its
    example, and an example counts as one whatever it weighs.

    With several replicas a step descends the same mean over the examples of all, and negatives
    from the batch are those of all. A batch without examples changes nothing.

    What a step draws at random follows from `random_seed`, a weight that the constructor draws, and
    from the number of the step: a run that goes on from a checkpoint goes on as if uninterrupted.

    `has_learnt`, a weight too, is 1 from the first example on, and so wherever weights of a model
    that has learnt are loaded or set.
    """

    compiles: ClassVar[bool] = False
    _passes: Passes
    _copies = Copies()  # that the callbacks of `fit` hold
    _training_state = None  # of a backup; Keras takes it away after a run, and asks for it again

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.distribute_reduction_method = "first"  # of logs, which are of all replicas already
        self.mean_loss = tf.keras.metrics.Mean(name="loss")
        self.mean_regularization = tf.keras.metrics.Mean(name="regularization_loss")
        drawn = tf.random.uniform([], maxval=tf.int32.max, dtype=tf.int64)
        self.random_seed = tf.Variable(drawn, trainable=False, name="random_seed")
        # A replica may not wait for the others to say so.
        each = {"synchronization": tf.VariableSynchronization.ON_READ}
        each["aggregation"] = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self.has_learnt = tf.Variable(0, trainable=False, dtype=tf.int64, name="has_learnt", **each)
        self.compiled_step: Callable[..., dict[str, tf.Tensor]] | None = None

    @property
    def xla_knows_steps(self) -> bool:
        """Whether XLA knows all operations of a step: `compile(jit_compile=True)` is possible."""
        return self.compiles

    def compile(self, *args, jit_compile=False, **kwargs):
        """As `Model.compile`; with `jit_compile`, XLA compiles the training step.

        A compiled step is often more than twice as fast; with `steps_per_execution`, XLA compiles
        as many steps as one program. Validation is not compiled: what it runs is what is served.
        The optimizer's own `jit_compile`, which would compile its updates alone, is switched off.

        Raises: ValueError for a loss, metrics or weights of them: the loss is the model's own, and
            `RecallOnValidation` measures. Also where XLA lacks what `jit_compile` asks for, and for
            `run_eagerly` beside it.
        """
        asked = COMPILE.bind_partial(self, *args, **kwargs).arguments
        refuse(f"{type(self).__name__}.compile", asked, NOT_OF_COMPILE)
        kwargs = self.options_of_compile({**kwargs, "jit_compile": jit_compile})
        jit_compile = kwargs.pop("jit_compile")
        if jit_compile and not self.xla_knows_steps:
            self.refuse_to_compile()
        if jit_compile and asked.get("run_eagerly"):
            raise ValueError(
                f"{type(self).__name__}.compile either compiles steps or runs them eagerly: leave "
                "one out. Received: jit_compile=True, run_eagerly=True."
            )
        super().compile(*args, jit_compile=False, **kwargs)
        self._update_without_programs()
        self.compiled_step = None
        if jit_compile:
            self.compiled_step = tf.function(self.dense_step, jit_compile=True, autograph=False)
        for module in self.submodules:
            if isinstance(module, InBatchSoftmax):
                module.whole = bool(jit_compile)

    def _update_without_programs(self) -> None:
        """Keeps the optimizer from XLA, which Keras turns on by itself where there is a GPU.

        It compiles a program for each number of rows that a batch has of a table: one a step, which
        takes longer than the step. A compiled step has the updates in its own program.
        """
        optimizer: Any = self.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of scaled losses
        if hasattr(optimizer, "jit_compile"):  # legacy ones have it not
            optimizer.jit_compile = False

    def get_compile_config(self):
        config = super().get_compile_config()
        return config and {**config, "jit_compile": self.compiled_step is not None}

    def refuse_to_compile(self) -> None:
        """Raises the ValueError that says what XLA lacks."""
        raise ValueError(
            f"XLA compiles no step of {type(self).__name__}: leave jit_compile out. "
            "Received: jit_compile=True."
        )

    def fit(self, *args, **kwargs) -> tf.keras.callbacks.History:
        """As `Model.fit`; batches hold their weights, so it takes no `class_weight`.

        A dictionary is one batch, here and as `validation_data`.

        After a crash, `Checkpoints` and Keras' `BackupAndRestore` go on with the order of the
        batches where they stopped, if these come from `training_data`: the end is that of an
        uninterrupted run. Under a strategy of several machines each worker learns from batches, or
        parts of batches, of its own; see `feed`.
        """
        asked = FIT.bind(self, *args, **kwargs).arguments
        del asked["self"]
        name = f"{type(self).__name__}.fit"
        refuse(name, asked, NOT_OF_FIT)
        require_batches(name, asked.get("x"))
        if asked.get("validation_data") is not None:
            require_batches(f"The validation of {name}", asked["validation_data"], TO_MEASURE)
            asked["validation_data"] = batches(asked["validation_data"])
        given, before = asked.get("callbacks"), callbacks_in(asked.get("callbacks"))
        self.check_fit(before)
        strategy = self.distribute_strategy
        self.check_strategy(strategy, asked)
        self._epochs = asked.get("epochs", 1)
        data, steps = batches(asked["x"]), asked.get("steps_per_epoch")
        fed = feed(data, steps, strategy)
        self._passes = Passes(data, steps, fed.goes_on)
        asked |= {"x": fed.data, "steps_per_epoch": fed.steps}
        own = [self._passes, *self.own_callbacks()]
        asked["callbacks"] = with_own(given, own, self)
        checkpoints = checkpoints_of(asked["callbacks"])
        for one in checkpoints:
            others = [each for each in asked["callbacks"] if each not in checkpoints]
            one.stand_beside(others, self._passes.following)
        self._copies = Copies.of(callbacks_in(asked["callbacks"]))
        try:
            history = super().fit(**asked)
            if history.epoch and type(self).train_step is not Learner.train_step:
                self.has_learnt.assign(tf.ones_like(self.has_learnt))  # by steps that note nothing
            return history
        finally:
            self._copies = Copies()
            if isinstance(given, tf.keras.callbacks.CallbackList):
                given.callbacks[:] = before  # another run has callbacks of its own
            fed.close()
            self._passes.end()
            for one in checkpoints:
                one.release()

    def check_fit(self, callbacks: list[tf.keras.callbacks.Callback]) -> None:
        """Raises ValueError for what of `fit` a model with steps of its own would pass over."""

    def check_strategy(self, strategy: tf.distribute.Strategy, asked: dict[str, Any]) -> None:
        """Raises ValueError for what of these arguments of `fit` a strategy cannot do."""
        name = type(strategy).__name__
        mirrored = (tf.distribute.MirroredStrategy, tf.distribute.MultiWorkerMirroredStrategy)
        others = isinstance(strategy, mirrored) or is_far(strategy)
        if others and self.compiled_step is not None:
            raise ValueError(
                "XLA compiles no step whose gradients come from other devices or machines: compile "
                f"without jit_compile under {name}. Received: jit_compile=True."
            )
        if is_far(strategy) and asked.get("validation_data") is not None:
            raise ValueError(
                f"Workers of {name} evaluate other batches, at other times: measure validation "
                "by the callback RecallOnValidation, or evaluate what `on_one_device` makes. "
                "Received: validation_data."
            )

    def _set_trainable_state(self, trainable_state):
        """As Keras', which `fit` calls before and after, but one layer at a time.

        Setting a container sets what is within, and a layer may be within several.
        """
        for layer in self._flatten_layers():
            if layer in trainable_state:
                layer._trainable = trainable_state[layer]

    def evaluate(self, *args, **kwargs):
        """As `Model.evaluate`, of the loss; a dictionary is one batch unless `batch_size` is given.

        Raises: ValueError for what are no batches, for targets or weights beside them, and under
            parameter servers, whose workers each see other batches.
        """
        asked = EVALUATE.bind(self, *args, **kwargs).arguments
        refuse(f"{type(self).__name__}.evaluate", asked, NOT_OF_BATCHES)
        require_batches(f"{type(self).__name__}.evaluate", asked.get("x"), TO_MEASURE)
        if is_far(self.distribute_strategy):
            raise ValueError(
                "With parameter servers nobody sees all batches in order: evaluate what "
                f"`on_one_device` makes. Received: evaluate under {type(self).__name__}'s "
                f"{type(self.distribute_strategy).__name__}."
            )
        if asked.get("batch_size") is None:
            asked["x"] = batches(asked["x"])
        del asked["self"]
        return super().evaluate(**asked.pop("kwargs", {}), **asked)

    def train_on_batch(self, *args, **kwargs):
        """As `Model.train_on_batch`; ValueError for targets or weights beside the batch."""
        asked = TRAIN_ON_BATCH.bind(self, *args, **kwargs).arguments
        refuse(f"{type(self).__name__}.train_on_batch", asked, NOT_OF_BATCHES)
        self.check_strategy(self.distribute_strategy, {})
        return on_batch(self, self.make_train_function, asked)

    def test_on_batch(self, *args, **kwargs):
        """As `Model.test_on_batch`; ValueError for targets or weights beside the batch."""
        asked = TEST_ON_BATCH.bind(self, *args, **kwargs).arguments
        refuse(f"{type(self).__name__}.test_on_batch", asked, NOT_OF_BATCHES)
        return on_batch(self, self.make_test_function, asked)

    def own_callbacks(self) -> list[tf.keras.callbacks.Callback]:
        """What goes along with `fit`, before the callbacks that it is given."""
        return []

    def begin(self, run: Run) -> None:
        """Called when `fit` knows where it begins, before the first step."""

    def _maybe_load_initial_counters_from_ckpt(self, steps_per_epoch, initial_epoch):
        """Where Keras asks a backup, after it is restored, where to go on."""
        epoch, step = super()._maybe_load_initial_counters_from_ckpt(steps_per_epoch, initial_epoch)
        run = Run(self._epochs, steps_per_epoch, int(epoch), int(step))
        self.begin(run)
        self._passes.begin(run, initial_epoch)
        return run.epoch, run.step

    def examples_in(self, batch: Batch) -> tf.Tensor:
        """How many examples the loss of a batch is the mean of."""
        return tf.shape(batch["item_id"])[0]

    def drawn(self, batch: Batch) -> Batch:
        """What the compiled step is given beside the batch, by operations that XLA lacks."""
        return {}

    def with_draws(self, batch: Batch, ahead: int = 0) -> Batch:
        """The batch with the seed of its step, and what is drawn outside of a compiled one.

        Args:
            ahead: steps between the next one and the one that learns from this batch.
        """
        seed = self._seed(self.random_seed, tf.cast(self.optimizer.iterations, tf.int64) + ahead)
        if self.compiled_step is None:
            return {**batch, "seed": seed}
        with seeded(seed + OUTSIDE):
            drawn = self.drawn(batch)
        return {**batch, **drawn, "seed": seed}

    def _seed(self, seed: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """Two integers, which are others for each step and each replica."""
        number = tf.cast(replicas.number(), tf.int64)
        return tf.stack([seed + number * 2**40, step])

    def train_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """One step; the logs are the means over the epoch so far."""
        columns = batch_of(batch)
        with naming_columns(type(self).__name__, columns):
            losses, examples = self.learn(self.regroup(columns))
        self.note(examples)
        return self.report(losses, examples)

    def test_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The loss of a batch, by the same draws each time that its place comes."""
        columns = batch_of(batch)
        with naming_columns(type(self).__name__, columns):
            losses, examples = self.measure(self.regroup(columns))
        return self.report(losses, examples)

    def regroup(self, batch: Batch) -> Batch:
        """What a replica learns from, of what a strategy gave it: its part of each column."""
        return batch

    def learn(self, batch: Batch) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Learns from a batch; returns its losses, and the number of examples behind them."""
        examples = self.examples_in(batch)

        def learnt() -> dict[str, tf.Tensor]:
            step = self.compiled_step or self.sparse_step
            return step(self.with_draws(batch))

        if not replicas.may_wait():  # they step together, whether or not this one has examples
            return learnt(), examples
        nothing = dict.fromkeys(LOSSES, tf.zeros(()))
        return tf.cond(examples > 0, learnt, lambda: nothing), examples

    def measure(self, batch: Batch) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """The losses of a batch, and the number of examples behind them."""
        seed = self._seed(-1 - self.random_seed, tf.cast(self._test_counter, tf.int64))
        with seeded(seed):
            loss = by_user(self.compute_loss)(batch, training=False)
        regularization = self._regularization()
        found = {"regularization_loss": regularization, "total_loss": loss + regularization}
        return found, self.examples_in(batch)

    def note(self, examples: tf.Tensor) -> None:
        """Keeps that it has learnt, if from any examples."""
        self.has_learnt.assign(tf.maximum(self.has_learnt, tf.cast(examples > 0, tf.int64)))

    @property
    def is_blank(self) -> bool:
        """Whether its weights show that it has no answer before it learns."""
        return False

    def tell_if_untrained(self) -> None:
        """Warns of what is made of a model that has learnt nothing.

        Raises: ValueError where the model is blank: nobody can have set its weights by hand either.
        """
        if self.has_learnt.numpy() and not self.is_blank:
            return
        said = (
            f"{type(self).__name__} has learnt nothing yet: what it answers follows from random "
            "numbers. Call fit(training_data(train)) first, or load the weights of a model that "
            "has learnt"
        )
        if self.is_blank:
            raise ValueError(f"{said}.")
        by_hand = (
            "of weights set by hand or by a loop of your own, model.has_learnt.assign(1) says so"
        )
        warnings.warn(f"{said}; {by_hand}.", LearntNothing, stacklevel=4)

    def report(self, losses: dict[str, tf.Tensor], examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Adds losses to the means of the epoch, and returns these."""
        for mean, name in ((self.mean_loss, "total_loss"), (self.mean_regularization, LOSSES[0])):
            mean.update_state(tf.where(examples > 0, losses[name], 0.0), examples)
        return self.means()

    def means(self) -> dict[str, tf.Tensor]:
        """The means of the epoch so far."""
        logs = {metric.name: metric.result() for metric in self.metrics}
        return {**logs, "total_loss": logs["loss"]}

    def _validate_and_get_metrics_result(self, logs):
        """The logs of an epoch; of parameter servers, where no step is the last, the means."""
        if not is_far(self.distribute_strategy):
            return super()._validate_and_get_metrics_result(logs)
        return {name: value.numpy() for name, value in self.means().items()}

    def dense_step(self, inputs: Batch) -> dict[str, tf.Tensor]:
        """A step whose gradients are dense: XLA does not sort the sparse ones out."""
        return self._step(inputs, tf.convert_to_tensor)

    def sparse_step(self, inputs: Batch) -> dict[str, tf.Tensor]:
        """A step in which tables change at the rows of the batch."""
        return self._step(inputs, lambda gradient: gradient)

    def _step(self, inputs: Batch, form: Callable[[Any], Any]) -> dict[str, tf.Tensor]:
        scaler = self.optimizer
        if not isinstance(scaler, tf.keras.mixed_precision.LossScaleOptimizer):
            scaler = None
        with seeded(inputs["seed"] + WITHIN), tf.GradientTape() as tape:
            loss = by_user(self.compute_loss)(inputs, training=True)
            regularization = self._regularization()
            part = loss * replicas.share(self.examples_in(inputs))
            part += regularization / replicas.replicas()
            scaled = scaler.get_scaled_loss(part) if scaler else part
        variables = self.trainable_variables
        gradients = tape.gradient(scaled, variables)
        if scaler:
            gradients = scaler.get_unscaled_gradients(gradients)
        gradients = [None if gradient is None else form(gradient) for gradient in gradients]

        def apply(gradients):
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))

        # Alone, `learn` has asked before.
        replicas.run_if_any(self.examples_in(inputs), apply, gradients)
        return {"regularization_loss": regularization, "total_loss": loss + regularization}

    def make_optimizer_state(self) -> None:
        """Before the step is traced: one that makes variables is traced a second time."""
        build = getattr(self.optimizer, "build", None)  # legacy optimisers have none
        if build is not None:
            if not any(variable.shape.rank for variable in self.optimizer.variables):
                check_state(self, self.optimizer, self._copies)  # it holds no table yet
                tell_of_all_rows(self, self.optimizer)
            build(self.trainable_variables)

    def _regularization(self) -> tf.Tensor:
        return tf.reduce_sum([tf.reduce_sum(part) for part in self.losses])

    def make_train_function(self, force=False):
        self.make_optimizer_state()
        made = super().make_train_function(force)
        alone = not tf.distribute.has_strategy()
        if self.compiled_step is None or int(self._steps_per_execution) == 1 or not alone:
            return made
        if not isinstance(made, CompiledSteps):
            self.train_function = made = CompiledSteps(self, made)
        return made
