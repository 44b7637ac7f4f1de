"""What a compiled step reads can be where the step runs, on a GPU too; no GPU is needed to see it.

TensorFlow has no place on a GPU for variables of 32-bit integers or strings: they stay in the CPU's
memory, and XLA refuses a step on the GPU that reads them.
"""

import pytest
import tensorflow as tf

from tests.contract import model_cases

ON_THE_CPU = (tf.int32, tf.string)


def variables_of(model):
    """The weights, and what layers and modules keep beside them."""
    parts = [vars(part).values() for part in (model, *model.submodules)]
    kept = {id(v): v for values in parts for v in values if isinstance(v, tf.Variable)}
    return list({**kept, **{id(v): v for v in model.variables}}.values())


@pytest.mark.parametrize(
    "model_class", [c for c in model_cases.GRADIENT_MODELS if c.compiles], ids=lambda c: c.__name__
)
def test_a_compiled_step_reads_nothing_that_stays_on_the_cpu(model_class):
    model = model_cases.built(model_class)
    assert model.can_compile
    stays = {v.name for v in variables_of(model) if v.dtype in ON_THE_CPU}
    assert stays == set()
