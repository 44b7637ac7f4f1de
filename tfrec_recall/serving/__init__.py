"""A development server that speaks TensorFlow Serving's REST API, and its page."""
