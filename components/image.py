"""The container image that every step runs in on a cluster."""

import os

STEP_IMAGE = os.environ.get("ESTAFET_STEP_IMAGE", "estafet/python-step:0.1.0")
"""Image of the steps; the subprocess runner wants "python" in its name, and `:latest` would be pulled every time."""
