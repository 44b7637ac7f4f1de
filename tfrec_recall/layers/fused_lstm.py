"""An LSTM over a whole sequence as one operation."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import flag, whole
from tfrec_recall._axes import check_axes


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class FusedLSTM(tf.keras.layers.Layer):
    """The states of an LSTM after each event: Keras' `LSTM(return_sequences=True)`, much faster.

    Keras runs a loop with a dozen small operations an event where there is no cuDNN; TensorFlow's
    `BlockLSTM` is one operation for the sequence, and one for its gradient. Both agree, weights
    included (input, forget, cell, output gates; the forget gate's bias starts at 1).

    Source: "Long Short-Term Memory", Neural Computation 1997, with the forget gate of "Learning to
    Forget", Neural Computation 2000. `benchmarks/sequence.py` shows what it brings.
    Departs: numbers are float32 within, whatever the dtype policy.

    Args:
        units: the width of the states.
        go_backwards: begin with the last event, whose state comes first, as Keras' layers do:
            `Bidirectional` makes such a one, and turns it around again.

    Input: [batch, history, width]; a mask [batch, history]: an event it leaves out keeps the state;
        `initial_state`, state and cell of [batch, units], zeros where it is not given.
    Output: [batch, history, units], the initial state before the first present event; a mask passes
        in the order of the states.
    Raises: ValueError unless the input has three axes, a mask fits, and `units` is positive. XLA
        compiles no step with this layer: Keras' `LSTM` of the same weights takes its place there.

    >>> FusedLSTM(units=4)(tf.ones([2, 5, 3])).shape
    TensorShape([2, 5, 4])
    """

    # What `Bidirectional` asks of a recurrent layer.
    return_sequences = True
    return_state = False
    stateful = False

    def __init__(self, units: int, go_backwards: bool = False, **kwargs):
        super().__init__(**kwargs)
        whole("FusedLSTM", units, "units")
        flag("FusedLSTM", go_backwards, "go_backwards")
        self.units = units
        self.go_backwards = go_backwards
        self.supports_masking = True
        self.supports_jit = False  # XLA has no kernel for the operation

    def build(self, input_shape):
        if len(input_shape) != 3:
            raise ValueError(
                "FusedLSTM takes [batch, history, width]: one vector an event. "
                f"Received: input of shape {tuple(input_shape)}."
            )
        gates = 4 * self.units

        def weight(name, shape, initializer):  # all here is in float32
            kind = {"dtype": "float32", "autocast": False}
            return self.add_weight(name=name, shape=shape, initializer=initializer, **kind)

        self.kernel = weight("kernel", (input_shape[-1], gates), "glorot_uniform")
        self.recurrent_kernel = weight("recurrent_kernel", (self.units, gates), "orthogonal")
        self.bias = weight("bias", (gates,), _forget_one)
        super().build(input_shape)

    def call(self, history, mask=None, initial_state=None, history_mask=None):
        mask = history_mask if mask is None else mask  # Keras 3 names it so beside other tensors
        state, cell = _pair(initial_state)
        of_row = f"batch {self.units}"
        check_axes(
            "FusedLSTM",
            history=(history, "batch history width"),
            mask=(mask, "batch history"),
            **{"initial_state[0]": (state, of_row), "initial_state[1]": (cell, of_row)},
        )
        history = tf.cast(history, tf.float32)
        if self.go_backwards:
            history = tf.reverse(history, [1])
            mask = None if mask is None else tf.reverse(mask, [1])
        if state is None:
            state = cell = tf.zeros([tf.shape(history)[0], self.units])
        begin = tf.cast(state, tf.float32), tf.cast(cell, tf.float32)
        if mask is None:
            return tf.cast(self._states(history, begin), self.compute_dtype)
        present = tf.cast(mask, tf.bool)
        history = tf.where(present[:, :, tf.newaxis], history, 0.0)
        # Present events side by side, as the operation knows no mask; what follows them is inert.
        order = tf.argsort(tf.cast(~present, tf.int32), axis=1, stable=True)
        states = self._states(tf.gather(history, order, batch_dims=1), begin)
        latest = tf.cumsum(tf.cast(present, tf.int32), axis=1) - 1  # -1 before the first
        states = tf.gather(states, tf.maximum(latest, 0), batch_dims=1)
        states = tf.where((latest >= 0)[:, :, tf.newaxis], states, begin[0][:, tf.newaxis])
        return tf.cast(states, self.compute_dtype)

    def _states(self, history, begin):
        sequence = tf.transpose(history, [1, 0, 2])  # [history, batch, width]
        # Of an empty sequence the operation leaves its gradients unset: it is given one event.
        events, rows = tf.unstack(tf.shape(sequence)[:2])
        more_events, more_rows = (tf.cast(size == 0, tf.int32) for size in (events, rows))
        sequence = tf.pad(sequence, [[0, more_events], [0, more_rows], [0, 0]])
        state, cell = (tf.pad(one, [[0, more_rows], [0, 0]]) for one in begin)
        no_peephole = tf.zeros([self.units])
        weights = tf.concat([self.kernel, self.recurrent_kernel], axis=0)
        # BlockLSTMV2 would have the gates in Keras' order, but its registered gradient has not.
        block = tf.raw_ops.BlockLSTM(
            seq_len_max=tf.shape(sequence, tf.int64)[0],
            x=sequence,
            cs_prev=cell,
            h_prev=state,
            w=_input_cell_forget_output(weights),
            wci=no_peephole,
            wcf=no_peephole,
            wco=no_peephole,
            b=_input_cell_forget_output(self.bias),
            forget_bias=0.0,  # it is in the bias
            cell_clip=0.0,  # none
        )
        return tf.transpose(block.h[:events, :rows], [1, 0, 2])  # [batch, history, units]

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "go_backwards": self.go_backwards,
        }

    def compute_mask(self, inputs, mask=None):
        return mask[:, ::-1] if self.go_backwards and mask is not None else mask


def _pair(initial_state):
    """State and cell; None for both where neither is given."""
    if initial_state is None:
        return None, None
    if not isinstance(initial_state, tuple | list) or len(initial_state) != 2:
        raise ValueError(
            "FusedLSTM takes initial_state as two tensors, the state and the cell, [batch, units] "
            f"each. Received: initial_state={initial_state!r}."
        )
    return initial_state


def _input_cell_forget_output(gates):
    """The operation's order of the gates, from Keras' order on the last axis."""
    first, forget, cell, output = tf.split(tf.cast(gates, tf.float32), 4, axis=-1)
    return tf.concat([first, cell, forget, output], axis=-1)


def _forget_one(shape, dtype=None):
    """Zeros, and ones for the forget gate, the second of four."""
    gate = tf.range(shape[0]) // (shape[0] // 4)
    return tf.cast(gate == 1, dtype or tf.float32)
