"""Several models: configs that come and go, labels, and which version a request gets, in TensorFlow Serving's words."""

from __future__ import annotations

import threading

import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.server.models import ModelConfig, Models, Settings
from serving.server.models.policies import All
from serving.server.status import Code, StatusError

from .conftest import FakeModel, add, wait_until


def config(*models: str) -> ModelServerConfig:
    text = "".join(f"config {{ {model} }}" for model in models)
    return text_format.Parse(f"model_config_list {{ {text} }}", ModelServerConfig())


@pytest.fixture
def entry(tmp_path):
    """Write one model's entry in a config."""

    def entry(name: str, more: str = "", *, platform: str = "tensorflow") -> str:
        return f'name: "{name}" base_path: "{tmp_path / name}" model_platform: "{platform}" {more}'

    return entry


@pytest.fixture
def make_models():
    made = []

    def make(**options) -> Models:
        settings = Settings(poll_s=0.01, max_num_load_retries=0)
        made.append(Models(FakeModel, settings=settings, **options))
        return made[-1]

    yield make
    for models in made:
        models.stop()


@pytest.fixture
def models(make_models, tmp_path, entry) -> Models:
    """A server with model `a`, versions 1 and 2 of it available."""
    add(tmp_path / "a", "1")
    add(tmp_path / "a", "2")
    models = make_models()
    models.reload(config(entry("a", "model_version_policy { all {} }")))
    wait_until(lambda: len(models._available("a")) == 2)
    return models


def used(models: Models, name: str, **which) -> int:
    with models.use(name, **which) as version:
        return version.number


def refused(call) -> tuple[str, str]:
    with pytest.raises(StatusError) as caught:
        call()
    return caught.value.code.name, caught.value.message


LABELS = 'model_version_policy { all {} } version_labels { key: "old" value: 1 } version_labels { key: "new" value: 2 }'


def test_a_request_gets_the_version_that_it_names_or_the_newest(models, entry):
    models.reload(config(entry("a", LABELS)))

    assert used(models, "a") == 2
    assert used(models, "a", version=1) == 1
    assert used(models, "a", label="old") == 1
    assert used(models, "a", label="new") == 2
    assert used(models, "a", label="") == 2


@pytest.mark.parametrize(
    ("name", "which", "expected"),
    [
        ("", {}, ("INVALID_ARGUMENT", "ModelSpec has no name specified.")),
        ("b", {}, ("NOT_FOUND", "Servable not found for request: Latest(b)")),
        ("b", {"version": 7}, ("NOT_FOUND", "Servable not found for request: Specific(b, 7)")),
        ("a", {"version": 7}, ("NOT_FOUND", "Servable not found for request: Specific(a, 7)")),
        ("a", {"version": 0}, ("NOT_FOUND", "Servable not found for request: Specific(a, 0)")),
        ("a", {"label": "x"}, ("INVALID_ARGUMENT", "Unrecognized servable version label: x")),
        ("b", {"label": "x"}, ("INVALID_ARGUMENT", "Unrecognized servable version label: x")),
    ],
)
def test_what_is_not_there_is_refused_word_for_word(models, name, which, expected):
    assert refused(lambda: used(models, name, **which)) == expected


def test_states_are_told_newest_first(models):
    assert [(v.number, v.state.name, v.error) for v in models.status("a")] == [
        (2, "AVAILABLE", None),
        (1, "AVAILABLE", None),
    ]
    assert refused(lambda: models.status("b")) == ("NOT_FOUND", "Could not find any versions of model b")
    assert refused(lambda: models.status("a", 9)) == ("NOT_FOUND", "Could not find version 9 of model a")


def test_a_reload_brings_new_models_and_takes_others_away(models, entry, tmp_path):
    add(tmp_path / "b", "5")

    models.reload(config(entry("b")))

    assert models.names() == ["b"]
    assert used(models, "b") == 5
    assert refused(lambda: used(models, "a"))[0] == "NOT_FOUND"
    wait_until(lambda: {version.state.name for version in models.status("a")} == {"END"})


def test_a_model_that_was_taken_away_comes_back(models, entry, tmp_path):
    add(tmp_path / "b", "5")
    models.reload(config(entry("b")))

    models.reload(config(entry("a"), entry("b")))

    assert used(models, "a") == 2


def test_a_reload_keeps_what_stays_and_follows_its_policy(models, entry):
    before = FakeModel.loaded.copy()

    models.reload(config(entry("a")))

    wait_until(lambda: models._available("a") == [2])
    assert FakeModel.loaded == before


def test_labels_are_replaced_as_a_whole(models, entry):
    models.reload(config(entry("a", LABELS)))

    models.reload(config(entry("a", 'model_version_policy { all {} } version_labels { key: "x" value: 1 }')))

    assert used(models, "a", label="x") == 1
    assert refused(lambda: used(models, "a", label="old"))[1] == "Unrecognized servable version label: old"


def test_a_label_for_a_version_that_is_not_available_is_refused_and_changes_nothing(models, entry):
    models.reload(config(entry("a", LABELS)))
    label = 'model_version_policy { all {} } version_labels { key: "new" value: 9 }'

    assert refused(lambda: models.reload(config(entry("a", label)))) == (
        "FAILED_PRECONDITION",
        "Request to assign label to version 9 of model a, which is not currently available for inference",
    )

    assert used(models, "a", label="new") == 2


def test_a_label_may_wait_where_that_was_allowed_but_not_move(make_models, entry, tmp_path):
    add(tmp_path / "a", "1")
    models = make_models(labels_may_wait=True)
    first = entry("a", 'version_labels { key: "new" value: 9 } version_labels { key: "s" value: 1 }')
    models.reload(config(first))
    models.reload(config(first))
    assert refused(lambda: used(models, "a", label="new")) == (
        "NOT_FOUND",
        "Servable not found for request: Specific(a, 9)",
    )

    moved = entry("a", 'version_labels { key: "s" value: 8 }')

    assert refused(lambda: models.reload(config(moved)))[0] == "FAILED_PRECONDITION"
    assert used(models, "a", label="s") == 1


def test_labels_at_the_start_are_refused(make_models, entry, tmp_path):
    add(tmp_path / "a", "1")

    assert refused(lambda: make_models().reload(config(entry("a", 'version_labels { key: "s" value: 1 }')))) == (
        "FAILED_PRECONDITION",
        "Request to assign label to version 1 of model a, which is not currently available for inference",
    )


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (
            ['name: "b" base_path: "/x" model_platform: "tensorflow"'] * 2,
            "Illegal to list model b multiple times in config list",
        ),
        (
            ['name: "b" base_path: "x/y" model_platform: "tensorflow"'],
            "Expected model b to have an absolute path or URI; got base_path()=x/y",
        ),
        (
            ['name: "b" base_path: "/x"'],
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform, "
            "model name is b",
        ),
        (
            ['name: "b" base_path: "/x" model_platform: "tensorflow" model_type: TENSORFLOW'],
            "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform.",
        ),
        (['name: "b" base_path: "/x" model_platform: "other"'], "Model b requests unsupported platform other"),
        (
            ['name: "b" base_path: "/x" model_platform: "tensorflow" logging_config {}'],
            "No request-logger-creator provided.",
        ),
    ],
)
def test_a_config_that_is_wrong_is_refused_and_spoils_no_later_one(models, entry, entries, expected):
    """TensorFlow Serving stores some of these before it refuses them, and then refuses every later one."""
    assert refused(lambda: models.reload(config(entry("a"), *entries))) == ("INVALID_ARGUMENT", expected)

    assert models.names() == ["a"]
    models.reload(config(entry("a", LABELS)))
    assert used(models, "a", label="old") == 1


def test_a_platform_cannot_change(models, entry):
    assert refused(lambda: models.reload(config(entry("a", platform="other")))) == (
        "INVALID_ARGUMENT",
        "Illegal to change a model's platform. For model a platform was tensorflow and new platform requested is other",
    )


def test_only_a_list_may_follow_a_list_and_nothing_changes_nothing(models):
    custom = ModelServerConfig()
    custom.custom_model_config.SetInParent()

    assert refused(lambda: models.reload(custom)) == (
        "FAILED_PRECONDITION",
        "Cannot transition to requested config. It is only legal to transition from one ModelConfigList to another.",
    )
    models.reload(ModelServerConfig())
    assert models.names() == ["a"]


def test_a_new_model_that_does_not_load_is_told_and_the_others_serve_on(models, entry, tmp_path):
    add(tmp_path / "b", "3", corrupt=True)

    code, message = refused(lambda: models.reload(config(entry("a"), entry("b"))))

    assert (code, message) == (
        "UNKNOWN",
        "1 model(s) did not become available: {{{name: b version: 3} due to error: DATA_LOSS: corrupt}, }",
    )
    assert used(models, "a") == 2
    assert not models.ready


def test_a_missing_base_path_stops_no_other_model(models, entry, tmp_path):
    """In TensorFlow Serving it stops the discovery of versions for all models."""
    models.reload(config(entry("a"), entry("missing")), waits=False)
    add(tmp_path / "a", "3")

    wait_until(lambda: models._available("a") == [3])
    assert not models.ready


def test_a_load_that_hangs_stops_no_other_model(tmp_path, entry):
    """In TensorFlow Serving a version that fails and is retried stops all others."""
    go_on = threading.Event()

    def load(folder):
        if folder.parent.name == "slow":
            go_on.wait(20)
        return FakeModel(folder)

    models = Models(load, settings=Settings(poll_s=0.01))
    add(tmp_path / "slow", "1")
    add(tmp_path / "a", "1")
    models.configure([ModelConfig("slow", str(tmp_path / "slow")), ModelConfig("a", str(tmp_path / "a"), All())])
    wait_until(lambda: models._available("a") == [1])
    add(tmp_path / "a", "2")

    wait_until(lambda: models._available("a") == [2, 1])
    assert [status.state.name for status in models.status("slow")] == ["LOADING"]
    go_on.set()
    models.stop()


def test_stopping_ends_a_reload_that_waits_for_ever(models, entry, tmp_path):
    (tmp_path / "b").mkdir()
    errors = []
    waiting = threading.Thread(
        target=lambda: errors.append(refused(lambda: models.reload(config(entry("a"), entry("b")))))
    )
    waiting.start()
    wait_until(lambda: "b" in models.names())

    models.stop()
    waiting.join(20)

    assert errors == [("CANCELLED", "Waiting for model b ended before it was available")]


def test_a_server_without_a_config_is_not_ready(make_models):
    models = make_models()

    assert not models.ready
    assert refused(lambda: used(models, "a"))[0] == Code.NOT_FOUND.name
