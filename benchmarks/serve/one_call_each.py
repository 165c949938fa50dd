"""Our server, but each request is a call of the exported signature, as a server is written before it is measured."""

from __future__ import annotations

import tensorflow as tf

from serving.server.__main__ import main
from serving.server.engine import savedmodel


class OneCallEach(savedmodel.SavedModel):
    """Runs `serving_default` as TensorFlow restores it, behind the queues of a model that cannot be batched."""

    def __init__(self, folder, **options):
        self._restored = tf.saved_model.load(str(folder)).signatures["serving_default"]
        super().__init__(folder, **options)

    def _runner(self, feeds, fetches):
        signature, restored = self.signatures["serving_default"], self._restored
        inputs = [next(name for name, spec in signature.inputs.items() if spec.tensor == feed) for feed in feeds]
        outputs = [next(name for name, spec in signature.outputs.items() if spec.tensor == fetch) for fetch in fetches]

        def run(arrays, timeout_ms=None):
            found = restored(**{name: tf.constant(array) for name, array in zip(inputs, arrays, strict=True)})
            return [found[name].numpy() for name in outputs]

        return run

    def prepare(self):
        """Prepare nothing: the signature is traced."""


if __name__ == "__main__":
    savedmodel.mergeable_tensors = lambda *_: set()
    savedmodel.SavedModel = OneCallEach
    main()
