"""The text file that lists models."""

from __future__ import annotations

import pytest

from serving.server.models.config import ModelConfig, models_of, read_config
from serving.server.models.policies import All, Latest, Specific
from serving.server.status import StatusError

TEXT = """
model_config_list {
  config { name: "a" base_path: "/a" model_platform: "tensorflow" }
  config { name: "b" base_path: "gs://bucket/b" model_type: TENSORFLOW
           model_version_policy { latest { num_versions: 3 } }
           version_labels { key: "stable" value: 4 } }
  config { name: "c" base_path: "/c" model_platform: "tensorflow" model_version_policy { all {} } }
  config { name: "d" base_path: "/d" model_platform: "tensorflow"
           model_version_policy { specific { versions: 2 versions: 5 } } }
}
"""


def test_a_file_lists_models(tmp_path):
    (tmp_path / "models.config").write_text(TEXT)

    assert models_of(read_config(tmp_path / "models.config"), None) == [
        ModelConfig("a", "/a", Latest(1)),
        ModelConfig("b", "gs://bucket/b", Latest(3), {"stable": 4}),
        ModelConfig("c", "/c", All()),
        ModelConfig("d", "/d", Specific((2, 5))),
    ]


@pytest.mark.parametrize("text", ["model_config_list { config { nme: 'a' } }", "{", "\x00"])
def test_a_file_that_does_not_parse_is_refused_and_stderr_says_why(tmp_path, capfd, text):
    path = tmp_path / "models.config"
    path.write_text(text)

    with pytest.raises(StatusError) as caught:
        read_config(path)

    assert str(caught.value) == f"INVALID_ARGUMENT: Invalid protobuf file: '{path}'"
    assert "Error parsing text-format tensorflow.serving.ModelServerConfig: " in capfd.readouterr().err


def test_a_file_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(StatusError, match=r"NOT_FOUND: .*no\.config; No such file or directory"):
        read_config(tmp_path / "no.config")
