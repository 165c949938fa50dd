"""What a wrong run file is answered: the place, the value, and what to change."""

from __future__ import annotations

import pytest

from estafet.errors import ConfigError
from estafet.runfile import load


def error_of(path, **options) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(path, **options)
    assert caught.value.exit_status == 2
    return caught.value


def test_an_unknown_key_is_answered_with_its_line_and_the_closest_known_key(write):
    error = error_of(write("epochs: 7", "epoch: 7"))

    assert error.message == "run.yaml:7: unknown key 'train.epoch'."
    assert "did you mean 'train.epochs'?" in error.hint


def test_an_unknown_key_at_the_top_is_answered_with_the_closest_section(write):
    error = error_of(write("train:\n", "trian:\n", text=write().read_text().split("profiles")[0]))

    assert "run.yaml:6: unknown key 'trian'." in error.message
    assert "did you mean 'train'?" in error.hint


def test_an_unknown_key_like_no_other_is_answered_with_those_that_are_known(write):
    error = error_of(write("epochs: 7", "zzz: 7"))

    assert "epochs" in error.hint
    assert "learning_rate" in error.hint


def test_an_unknown_key_inside_a_gate_knows_the_keys_of_a_gate(write):
    error = error_of(write("train:\n", "evaluate:\n  gates:\n    rmse: {maximum: 3}\ntrain:\n"))

    assert "run.yaml:8: unknown key 'evaluate.gates.rmse.maximum'." in error.message
    assert "'evaluate.gates.rmse.max'" in error.hint


def test_a_value_of_the_wrong_type_is_named_with_its_key_and_line(write):
    error = error_of(write("epochs: 7", "epochs: many"))

    assert error.message.startswith("run.yaml:7: train.epochs:")
    assert "integer" in error.message
    assert "'many'" in error.message


@pytest.mark.parametrize(("value", "bound"), [("0", "greater than or equal to 1"), ("1.5", "integer")])
def test_a_value_out_of_bounds_is_answered_with_the_bound(write, value, bound):
    error = error_of(write("epochs: 7", f"epochs: {value}"))

    assert bound in error.message
    assert f"(it is {value})" in error.message


def test_an_unknown_task_is_answered_with_the_closest_one(write):
    error = error_of(write("tabular_regression", "tabular_regresion"))

    assert "run.yaml:2: task is 'tabular_regresion'" in error.message
    assert "forecasting" in error.message
    assert error.hint == "did you mean 'tabular_regression'?"


def test_an_unknown_metric_is_answered_with_the_metrics_there_are(write):
    error = error_of(write("train:\n", "evaluate:\n  metric: accurracy\ntrain:\n"))

    assert "run.yaml:7" in error.message
    assert "balanced_accuracy" in error.message


def test_shares_that_do_not_add_up_are_summed(write):
    error = error_of(write("label: price", "label: price\n  split: {train: 0.8, validation: 0.2, test: 0.2}"))

    assert "train + validation + test must be 1, not 1.2" in error.message


@pytest.mark.parametrize(("value", "kind"), [("", "empty"), (" 3", "3"), (" [a]", "a list")])
def test_a_section_that_holds_no_keys_is_answered_with_what_it_is(write, value, kind):
    error = error_of(write("train:\n", f"tune:{value}\ntrain:\n"))

    assert error.message == f"run.yaml:6: tune must hold keys (it is {kind})."


@pytest.mark.parametrize("value", [".nan", ".inf"])
def test_numbers_must_be_finite(write, value):
    assert "finite number" in error_of(write("epochs: 7", f"learning_rate: {value}")).message


def test_a_value_that_fits_no_type_is_answered_once_with_what_the_key_means(write):
    error = error_of(write("train:\n", "model: {hyperparameters: {units: [1, 2]}}\ntrain:\n"))

    assert error.message == "run.yaml:6: model.hyperparameters.units must be one value (it is a list)."
    assert "`tune` does not search" in error.hint


def test_a_pair_with_one_value_has_too_few(write):
    error = error_of(write("label: price", "image_size: [8]"))

    assert error.message == "run.yaml:5: data.image_size has too few values."
    assert "Height and width" in error.hint


def test_an_alias_inside_what_it_names_is_refused(write):
    assert "alias" in error_of(write(text="name: &a [*a]\n")).message


def test_a_missing_key_is_named_with_where_it_should_stand(write):
    error = error_of(write("  source: rows.csv\n"))

    assert "'data.source' is missing" in error.message
    assert "run.yaml:3" in error.message
    assert "source:" in error.hint


def test_several_mistakes_are_told_at_once(write):
    error = error_of(write("epochs: 7", "epochs: many\n  optimiser: adam"))

    assert "train.epochs" in error.message
    assert "train.optimiser" in error.message


def test_a_key_that_stands_twice_is_refused_with_both_lines(write):
    error = error_of(write("epochs: 7", "epochs: 7\n  epochs: 8"))

    assert "run.yaml:8: the key 'epochs' stands twice (first on line 7)" in error.message


def test_text_that_is_not_yaml_is_named_with_its_line(write):
    error = error_of(write("epochs: 7", "epochs: [7"))

    assert "this is not YAML" in error.message
    assert error.message.startswith("run.yaml:")


@pytest.mark.parametrize(
    ("text", "kind"), [("", "empty"), ("# nothing\n", "empty"), ("- a\n", "a list"), ("hello", "a str")]
)
def test_a_file_without_keys_is_answered_with_what_it_is(write, text, kind):
    error = error_of(write(text=text))

    assert f"it is {kind}" in error.message
    assert "estafet init" in error.hint


def test_a_missing_file_is_answered_with_the_ones_that_are_there(write, tmp_path):
    write()

    error = error_of(tmp_path / "rum.yaml")

    assert "rum.yaml" in error.message
    assert "run.yaml" in error.hint


def test_a_missing_file_in_an_empty_folder_is_answered_with_init(tmp_path):
    assert "estafet init" in error_of(tmp_path / "run.yaml").hint


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.write_bytes(b"name: \xff\xfe")])
def test_a_folder_or_a_file_of_bytes_is_no_run_file(tmp_path, make):
    make(tmp_path / "run.yaml")

    assert "cannot be read" in error_of(tmp_path / "run.yaml").message


def test_an_unknown_profile_is_answered_with_the_profiles_there_are(write):
    error = error_of(write(), profile="fast")

    assert "no profile 'fast'" in error.message
    assert error.hint == "choose one of quick."


def test_a_mistake_in_a_profile_is_named_with_its_own_line(write):
    error = error_of(write("epochs: 2", "epochs: two"), profile="quick")

    assert "run.yaml:11: train.epochs:" in error.message


def test_a_mistake_in_a_profile_that_is_not_chosen_keeps_nothing_from_running(write):
    assert load(write("epochs: 2", "epochs: two")).run.train.epochs == 7


@pytest.mark.parametrize(("section", "kind"), [("quick: 3", "3"), ("quick: [1]", "[1]")])
def test_a_profile_must_hold_sections(write, section, kind):
    text = write().read_text().split("  quick:")[0] + f"  {section}\n"

    assert "must hold sections" in error_of(write(text=text), profile="quick").message


@pytest.mark.parametrize("profiles", ["[quick]", "quick"])
def test_profiles_must_be_a_map(write, profiles):
    text = write().read_text().split("profiles:")[0] + f"profiles: {profiles}\n"

    assert "no profile 'quick'" in error_of(write(text=text), profile="quick").message


@pytest.mark.parametrize("override", ["train.epochs", "=5", "train..epochs=5", ""])
def test_an_override_that_is_not_key_value_is_refused(write, override):
    error = error_of(write(), overrides=[override])

    assert "not KEY=VALUE" in error.message
    assert "--set train.epochs=5" in error.hint


def test_an_override_of_an_unknown_key_is_named_as_it_was_typed(write):
    error = error_of(write(), overrides=["train.epoch=5"])

    assert error.message == "--set train.epoch=5: unknown key 'train.epoch'."
    assert "train.epochs" in error.hint


def test_an_override_below_a_value_is_refused(write):
    error = error_of(write(), overrides=["train.epochs.first=5"])

    assert "'train.epochs' is a value, not a section" in error.message


def test_an_override_whose_value_is_not_yaml_is_refused(write):
    assert "the value is not YAML" in error_of(write(), overrides=["train.epochs=[5"]).message


def test_augmenting_a_table_is_refused_before_anything_runs(write):
    error = error_of(write("epochs: 7", "augment: {flip: true}"))

    assert error.message == "run.yaml: train.augment changes images, and tabular_regression has none; remove it."


def test_reading_the_texts_of_a_series_is_refused_before_anything_runs(write):
    error = error_of(write(), overrides=["task=forecasting", "data.text=[notes]"])

    assert "data.text names columns of a table, which forecasting does not learn from; remove it." in error.message


def test_keys_that_do_not_go_together_are_named_without_calling_their_section_a_map(write):
    error = error_of(write(), overrides=["data.split.by=stratified", "data.split.group_by=patient"])

    assert "data.split: a stratified split and group_by do not go together" in error.message
    assert error.message.endswith("take one of them out.")
    assert error.hint == "docs/run-file.md says what the keys of data.split do."
