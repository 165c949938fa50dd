"""A browser's TensorFlow.js answers from the files as Keras does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from components.export.formats import plain, tfjs
from components.export.formats.lite import NotConvertible
from estafet.runfile.tasks import Task
from estafet.training.trained import load_model

PACKAGES = [f"@tensorflow/tfjs-{part}@4.22.0" for part in ("core", "converter", "backend-cpu")]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with TensorFlow.js, and the script that asks it."""
    folder = tmp_path_factory.mktemp("node")
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", *PACKAGES], cwd=folder, check=True)
    script = folder / "ask.cjs"
    script.write_bytes((Path(__file__).parent / "ask.cjs").read_bytes())
    return script


@pytest.mark.node
@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "name", "dtype"),
    [
        (Task.TABULAR_REGRESSION, "numeric", "float32"),
        (Task.IMAGE_CLASSIFICATION, "image", "int32"),
    ],
)
def test_tensorflow_js_answers_as_keras_does(task, name, dtype, node, formats_of, relay_of):
    folder, _ = formats_of(task)
    relay = relay_of(task)
    examples = plain.examples(relay.dataset, "test", 4)

    asked = [*map(str, (node, folder / "estafet" / "tfjs")), name, dtype]
    ended = subprocess.run(
        ["node", *asked], input=json.dumps(examples[name].tolist()), capture_output=True, text=True, check=True
    )

    expected = load_model(relay.model)(examples, training=False)
    np.testing.assert_allclose(np.array(json.loads(ended.stdout)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_a_graph_with_an_operation_that_tensorflow_js_lacks_names_it(tmp_path):
    import tensorflow as tf

    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, name="x")])
    def digamma(x):
        return {"y": tf.math.digamma(x)}

    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={plain.SIGNATURE: digamma})

    with pytest.raises(NotConvertible, match="no operation Digamma"):
        tfjs.convert(tmp_path / "saved", tmp_path / "out")
    assert not (tmp_path / "out").exists()
