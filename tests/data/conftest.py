"""Property tests run without a clock: a busy machine is no failure."""

import hypothesis

hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")
