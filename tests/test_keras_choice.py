"""Each program runs in a process of its own, as the choice of the Keras is made once a process."""

import os
import subprocess
import sys

from tfrec_recall import _keras

KERAS_3_FIRST = "import tensorflow as tf; tf.keras.layers.Dense(1)"
WHICH = "import tensorflow as tf; print(tf.keras.layers.Layer.__module__.split('.')[0])"
MODELS = """
try:
    import tfrec_recall.models
except ImportError as error:
    print(error)
"""


def run(*program, **environment):
    """What the program prints, and what appears on the terminal beside it."""
    kept = {k: v for k, v in os.environ.items() if k not in (_keras.VARIABLE, _keras.LOG_LEVEL)}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(program)],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_keras_2_is_chosen_for_the_process_and_its_children_without_a_sound():
    printed, noise = run(
        "import tfrec_recall, sys, os",
        "print('tensorflow' in sys.modules, os.environ['TF_USE_LEGACY_KERAS'])",
        "import tfrec_recall.models, tfrec_recall.layers",
        WHICH,
        "tower = tf.keras.Sequential([tfrec_recall.layers.Tower([2])])",
        "tower.compile('adam', 'mse')",
        "tower.fit(tf.ones([8, 3]), tf.ones([8, 2]), verbose=0)",
    )
    assert printed.split() == ["False", "1", "tf_keras"]  # the choice itself loads nothing
    assert noise == ""


def test_tensorflow_may_come_first_as_long_as_its_keras_is_not_used():
    printed, _ = run(
        "from tensorflow import keras",
        "import tensorflow as tf; tf.ones([1])",
        "import tfrec_recall.models",
        WHICH,
        "print(keras.layers.Layer is tf.keras.layers.Layer)",
    )
    assert printed.split() == ["tf_keras", "True"]


def test_a_tf_keras_in_use_is_respected_and_models_say_what_to_do():
    printed, _ = run(
        KERAS_3_FIRST,
        "import os, tfrec_recall.layers",
        "print('TF_USE_LEGACY_KERAS' in os.environ)",
        "print(tfrec_recall.layers.Tower([2])(tf.keras.Input([3])).shape)",
        MODELS,
        "os.environ['TF_USE_LEGACY_KERAS'] = '1'",
        MODELS,
    )
    left_alone, shape, first, *_ = printed.splitlines()
    assert (left_alone, shape) == ("False", "(None, 2)")
    assert "tfrec_recall.models needs Keras 2" in first
    assert "it was used before tfrec_recall was imported" in first
    assert "it was used before TF_USE_LEGACY_KERAS was set" in printed
    assert '    os.environ["TF_USE_LEGACY_KERAS"] = "1"\n' in printed


def test_a_keras_in_use_under_another_name_counts():
    first = "import tensorflow as tf; tf.optimizers.Adam()"
    printed, _ = run(first, "import tfrec_recall", WHICH)
    assert printed.split() == ["keras"]


def test_the_variable_is_respected():
    printed, _ = run("import tfrec_recall.layers", WHICH, MODELS, TF_USE_LEGACY_KERAS="0")
    assert printed.startswith("keras\n")
    assert "Keras 3 in this process: TF_USE_LEGACY_KERAS is '0'" in printed
    printed, _ = run("import tfrec_recall", WHICH, TF_USE_LEGACY_KERAS="True")
    assert printed.split() == ["tf_keras"]


def test_a_log_level_of_the_users_stays():
    level = "import os, tfrec_recall; print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    assert run(level, TF_CPP_MIN_LOG_LEVEL="0")[0] == "0\n"
    assert run(level)[0] in ("2\n", "3\n")


def test_python_errors_are_not_hidden():
    program = [
        "import tfrec_recall, tensorflow as tf",
        "try: tf.function(lambda: tf.debugging.assert_equal(tf.ones([2]), 0.0))()",
        "except tf.errors.InvalidArgumentError as error: print('raised')",
        "tf.get_logger().warning('heard')",
    ]
    printed, noise = run(*program)
    assert printed == "raised\n"
    assert "heard" in noise
