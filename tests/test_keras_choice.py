"""Each program runs in a process of its own, as the choice of the Keras is made once a process.

Those before which TensorFlow was imported are children of one process that has done so.
"""

import os
import subprocess
import sys

import pytest

from tfrec_recall import _keras

KERAS_3_FIRST = "import tensorflow as tf; tf.keras.layers.Dense(1)"
WHICH = "import tensorflow as tf; print(tf.keras.layers.Layer.__module__.split('.')[0])"
MODELS = """
try:
    import tfrec_recall.models
except ImportError as error:
    print(error)
"""

CHILDREN = """
import os, sys
import tensorflow
for program in sys.stdin.read().split("\\0"):
    child = os.fork()
    if not child:
        exec(program, {"__name__": "__main__"})
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    print("\\0", end="", flush=True)
"""


def run(*program, said="", **environment):
    """What the program prints, and what appears on the terminal beside it."""
    kept = {k: v for k, v in os.environ.items() if k not in (_keras.VARIABLE, _keras.LOG_LEVEL)}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(program)],
        env={**kept, **environment},
        input=said,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_keras_2_is_chosen_for_the_process_and_its_children_without_a_sound():
    """Nor is a sound of others lost: what fails in Python, and what TensorFlow is told to say."""
    printed, noise = run(
        "import tfrec_recall, sys, os",
        "print('tensorflow' in sys.modules, os.environ['TF_USE_LEGACY_KERAS'])",
        "import tfrec_recall.models, tfrec_recall.layers",
        WHICH,
        "tower = tf.keras.Sequential([tfrec_recall.layers.Tower([2])])",
        "tower.compile('adam', 'mse')",
        "tower.fit(tf.ones([8, 3]), tf.ones([8, 2]), verbose=0)",
        "print('until here', file=sys.stderr)",
        "try: tf.function(lambda: tf.debugging.assert_equal(tf.ones([2]), 0.0))()",
        "except tf.errors.InvalidArgumentError as error: print('raised')",
        "tf.get_logger().warning('heard')",
    )
    # The choice itself loads nothing.
    assert printed.split() == ["False", "1", "tf_keras", "raised"]
    before, after = noise.split("until here\n")
    assert before == ""
    assert "heard" in after


TENSORFLOW_FIRST = {
    "its Keras is not used": [
        "from tensorflow import keras",
        "import tensorflow as tf; tf.ones([1])",
        "import tfrec_recall.models",
        WHICH,
        "print(keras.layers.Layer is tf.keras.layers.Layer)",
    ],
    "its Keras is used": [
        KERAS_3_FIRST,
        "import os, tfrec_recall.layers",
        "print('TF_USE_LEGACY_KERAS' in os.environ)",
        "print(tfrec_recall.layers.Tower([2])(tf.keras.Input([3])).shape)",
        MODELS,
        "os.environ['TF_USE_LEGACY_KERAS'] = '1'",
        MODELS,
    ],
    "under another name": [
        "import tensorflow as tf; tf.optimizers.Adam()",
        "import tfrec_recall",
        WHICH,
    ],
    "the variable is set": [
        "import os; os.environ['TF_USE_LEGACY_KERAS'] = 'True'",
        "import tfrec_recall",
        WHICH,
    ],
}


@pytest.fixture(scope="module")
def printed():
    """What each of the programs prints."""
    programs = ["\n".join(program) for program in TENSORFLOW_FIRST.values()]
    *found, _ = run(CHILDREN, said="\0".join(programs))[0].split("\0")
    return dict(zip(TENSORFLOW_FIRST, found, strict=True))


def test_tensorflow_may_come_first_as_long_as_its_keras_is_not_used(printed):
    assert printed["its Keras is not used"].split() == ["tf_keras", "True"]


def test_a_tf_keras_in_use_is_respected_and_models_say_what_to_do(printed):
    left_alone, shape, first, *_ = printed["its Keras is used"].splitlines()
    assert (left_alone, shape) == ("False", "(None, 2)")
    assert "tfrec_recall.models needs Keras 2" in first
    assert "it was used before tfrec_recall was imported" in first
    assert "it was used before TF_USE_LEGACY_KERAS was set" in printed["its Keras is used"]
    assert '    os.environ["TF_USE_LEGACY_KERAS"] = "1"\n' in printed["its Keras is used"]


def test_a_keras_in_use_under_another_name_counts(printed):
    assert printed["under another name"].split() == ["keras"]


def test_the_variable_is_respected(printed):
    said, _ = run("import tfrec_recall.layers", WHICH, MODELS, TF_USE_LEGACY_KERAS="0")
    assert said.startswith("keras\n")
    assert "Keras 3 in this process: TF_USE_LEGACY_KERAS is '0'" in said
    assert printed["the variable is set"].split() == ["tf_keras"]


def test_a_log_level_of_the_users_stays():
    level = "import os, tfrec_recall; print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    assert run(level, TF_CPP_MIN_LOG_LEVEL="0")[0] == "0\n"
    assert run(level)[0] in ("2\n", "3\n")
