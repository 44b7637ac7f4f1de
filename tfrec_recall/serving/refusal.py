"""A request that is not answered, and why."""

from __future__ import annotations

from http import HTTPStatus

import tensorflow as tf

ECHO = 200  # characters of what was sent that a message repeats
TRACE = "<stack traces unavailable>\n"  # ends what Python puts before the graph's own words
STATUS = {
    tf.errors.CANCELLED: 499,
    tf.errors.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    tf.errors.FAILED_PRECONDITION: HTTPStatus.BAD_REQUEST,
    tf.errors.OUT_OF_RANGE: HTTPStatus.BAD_REQUEST,
    tf.errors.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
    tf.errors.NOT_FOUND: HTTPStatus.NOT_FOUND,
    tf.errors.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    tf.errors.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    tf.errors.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


class Refusal(Exception):
    """Ends a request with a status and `{"error": message}`.

    Args:
        message: in TensorFlow Serving's words where it refuses the same.
        status: of HTTP.
    """

    def __init__(self, message: str, status: int = HTTPStatus.BAD_REQUEST):
        super().__init__(message)
        self.message = message
        self.status = int(status)

    @classmethod
    def of(cls, error: tf.errors.OpError) -> Refusal:
        """What the graph says, with the status that TensorFlow Serving gives it."""
        message = error.message.rpartition(TRACE)[2].partition(" [Op:")[0]
        status = STATUS.get(error.error_code, HTTPStatus.INTERNAL_SERVER_ERROR)
        return cls(message, status)
