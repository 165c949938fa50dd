"""Training: the batch schedule, the distribution strategy, the models, and the one loop that tune and train share."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # must be set before TensorFlow is imported
