"""Going back to another version: what is served, what the registry says, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.deploy.listing import listed
from components.deploy.rollback import roll_back
from components.deploy.step import deploy
from estafet.errors import ConfigError, GateRefused, ServiceUnavailable
from estafet.release import Release
from estafet.tracking import MlflowTracker
from serving.targets.local import LocalTarget

URI = "sqlite://"


@pytest.fixture
def models_dir(tmp_path, light_release, settings, untested, fake_registry) -> Path:
    """Versions 1, 2 and 3, of which 3 is served."""
    settings = settings.model_copy(update={"keep_versions": 5})
    for number in ("1", "2", "3"):
        folder = light_release(f"v{number}", registered_version=number)
        deploy(settings, folder, tmp_path / "models", tracker=MlflowTracker(URI, "e", "deploy"))
    return tmp_path / "models"


def states(models_dir: Path) -> dict[int, str]:
    return {each.number: each.state for each in listed(LocalTarget(models_dir, "toy"))}


def test_the_version_before_is_served_and_the_alias_follows(models_dir, fake_registry):
    done = roll_back(LocalTarget(models_dir, "toy"), reason="it is rude", uri=URI)

    assert (done.number, done.withdrawn) == (2, (3,))
    assert states(models_dir) == {3: "rolled back", 2: "serving", 1: "previous"}
    assert fake_registry.champion == "2"


def test_the_registry_and_the_run_that_made_it_say_why_and_by_whom(models_dir, fake_registry):
    roll_back(LocalTarget(models_dir, "toy"), reason="it is rude", uri=URI)

    for of in ("3", "run-3"):
        tags = fake_registry.tags(of)
        assert tags["estafet.rolled_back"] == "it is rude"
        assert tags["estafet.rolled_back_by"].endswith(", estafet rollback")


def test_going_further_back_takes_back_all_that_is_newer(models_dir):
    assert roll_back(LocalTarget(models_dir, "toy"), to=1, uri=URI).withdrawn == (2, 3)
    assert states(models_dir) == {3: "rolled back", 2: "rolled back", 1: "serving"}


def test_a_version_that_was_rolled_back_can_be_brought_back(models_dir, fake_registry):
    roll_back(LocalTarget(models_dir, "toy"), uri=URI)

    done = roll_back(LocalTarget(models_dir, "toy"), to=3, uri=URI)

    assert (done.number, done.withdrawn) == (3, ())
    assert states(models_dir) == {3: "serving", 2: "previous", 1: "previous"}
    assert fake_registry.champion == "3"
    assert "estafet.rolled_back" not in fake_registry.tags("3")


def test_a_version_between_is_brought_back_before_the_newer_ones_go(models_dir):
    roll_back(LocalTarget(models_dir, "toy"), to=1, uri=URI)
    roll_back(LocalTarget(models_dir, "toy"), to=3, uri=URI)

    assert roll_back(LocalTarget(models_dir, "toy"), to=2, uri=URI).withdrawn == (3,)
    assert states(models_dir) == {3: "rolled back", 2: "serving", 1: "previous"}


def test_a_model_that_a_person_took_back_does_not_come_again_by_itself(models_dir, tmp_path, settings):
    roll_back(LocalTarget(models_dir, "toy"), reason="it is rude", uri=URI)

    with pytest.raises(GateRefused, match=r"rolled back as version 3 .* estafet rollback: it is rude") as refused:
        deploy(settings, tmp_path / "light-v3-3", models_dir)

    assert "--to 3" in refused.value.hint
    assert states(models_dir)[2] == "serving"


def test_nor_does_it_when_it_was_exported_anew(models_dir, light_release, settings):
    """The same weights in other files: SavedModels are not the same to the byte twice."""
    roll_back(LocalTarget(models_dir, "toy"), uri=URI)
    anew = light_release("v3")
    (anew / "saved_model.pb").write_bytes(b"graph, written anew")
    Release.load(anew).model_copy(update={"fingerprint": "of other files"}).save(anew)

    with pytest.raises(GateRefused, match="rolled back as version 3"):
        deploy(settings, anew, models_dir)


def test_the_next_release_does_not_take_the_number_of_one_that_was_taken_back(models_dir, light_release, settings):
    roll_back(LocalTarget(models_dir, "toy"), to=1, uri=URI)

    assert deploy(settings, light_release("another"), models_dir).version == 4


def test_without_the_registry_the_version_is_served_and_the_next_command_sets_the_alias(models_dir, fake_registry):
    fake_registry.is_away = True
    with pytest.raises(ServiceUnavailable):
        roll_back(LocalTarget(models_dir, "toy"), uri=URI)
    assert states(models_dir)[2] == "serving"
    fake_registry.is_away = False

    with pytest.raises(ConfigError, match="version 2 of 'toy' is the one that is served"):
        roll_back(LocalTarget(models_dir, "toy"), to=2, uri=URI)

    assert fake_registry.champion == "2"


def test_a_version_that_the_registry_does_not_know_leaves_the_alias_to_nobody(
    tmp_path, light_release, settings, untested, fake_registry
):
    deploy(settings, light_release("plain"), tmp_path / "models")
    tracker = MlflowTracker(URI, "e", "deploy")
    deploy(settings, light_release("known", registered_version="2"), tmp_path / "models", tracker=tracker)
    assert fake_registry.champion == "2"

    roll_back(LocalTarget(tmp_path / "models", "toy"), uri=URI)

    assert fake_registry.champion is None


def test_what_is_not_there_is_refused_with_what_is(models_dir):
    with pytest.raises(ConfigError, match="no version 9 of 'toy'") as refused:
        roll_back(LocalTarget(models_dir, "toy"), to=9, uri=URI)
    assert "choose one of these with --to: 1, 2" in refused.value.hint


def test_the_first_version_has_none_before_it(models_dir):
    roll_back(LocalTarget(models_dir, "toy"), to=1, uri=URI)

    with pytest.raises(ConfigError, match="no version of 'toy' before version 1"):
        roll_back(LocalTarget(models_dir, "toy"), uri=URI)


def test_of_a_model_that_was_never_released_nothing_is_made(tmp_path):
    with pytest.raises(ConfigError, match="ever released"):
        roll_back(LocalTarget(tmp_path / "models", "toy"))

    assert not (tmp_path / "models").exists()


def test_what_was_taken_back_is_removed_in_the_end(models_dir, light_release, settings):
    roll_back(LocalTarget(models_dir, "toy"), to=1, uri=URI)
    keeping_one = settings.model_copy(update={"keep_versions": 1})

    deploy(keeping_one, light_release("another"), models_dir)

    assert states(models_dir) == {4: "serving", 3: "rolled back", 2: "removed", 1: "removed"}
    assert list(LocalTarget(models_dir, "toy").withdrawn()) == [3]
