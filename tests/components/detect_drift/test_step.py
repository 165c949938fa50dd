"""One check of the requests: windows, votes, incidents, alerts and the trigger, over real Parquet files."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from datetime import timedelta

import numpy as np
import pytest

from components.detect_drift import step
from estafet.errors import DataError, ServiceUnavailable
from estafet.files import read_json
from estafet.runfile.tasks import Task
from monitoring.incidents import state
from monitoring.incidents.state import MonitorState
from monitoring.pages import page
from monitoring.testing import MODEL, NOW, World, described, image_rows, table_rows

DAY = timedelta(days=1)


def write_labels(world, ids, label="yes"):
    path = world.root / "labels.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["request_id", "label"], *([request, label] for request in ids)])
    return {"labels": str(path), "policy": {"min_labels": 100}}


def test_without_drift_a_hundred_windows_raise_no_alarm(world, rng, no_evidently, check):
    """Each of the hundred windows is new traffic from the same source, judged by one monitor with its memory."""
    statuses = []
    for day in range(100):
        now = NOW + day * DAY
        world.log(table_rows(rng, 500), ended=now, prefix=f"d{day}")
        statuses.append(check(world, now=now).status)
    assert statuses == ["ok"] * 100
    assert MonitorState(world.state_dir).open_incident(MODEL) is None


def test_a_clear_shift_is_drift_and_alerts_at_once(world, rng, no_evidently, check):
    """Two standard deviations are an effect of about 0.68, more than the 0.40 that needs no second vote."""
    world.log(table_rows(rng, 600, shift=2.0))

    verdict = check(world)

    assert (verdict.status, verdict.alert, verdict.num_rows) == ("drift", True, 600)
    assert verdict.findings[0].column == "age"
    assert verdict.findings[0].effect == pytest.approx(0.68, abs=0.06)
    assert not {"income", "colour"} & {finding.column for finding in verdict.findings}
    assert "drift in 600 requests" in step.summary(verdict)


def test_a_moderate_shift_needs_two_votes(world, rng, no_evidently, check):
    """0.7 standard deviations are an effect of about 0.27: one window is a suspicion, two of three an alert."""
    alerts = []
    for day, shift in enumerate((0.7, 0.0, 0.7, 0.7)):
        world.log(table_rows(rng, 800, shift=shift), ended=NOW + day * DAY, prefix=f"d{day}")
        alerts.append(check(world, now=NOW + day * DAY).alert)
    assert alerts == [False, False, True, False]


def test_requests_are_judged_once_and_few_ones_wait_for_the_next_check(world, rng, no_evidently, check):
    """300 requests are too few; with 300 more they are judged together; then there is nothing new."""
    world.log(table_rows(rng, 300), prefix="a")
    first = check(world)
    later = NOW + timedelta(hours=1)
    world.log(table_rows(rng, 300), ended=later, prefix="b")
    second = check(world, now=later)
    third = check(world, now=later)

    assert (first.status, first.num_rows) == ("insufficient", 300)
    assert (second.status, second.num_rows) == ("ok", 600)
    assert (third.status, third.num_rows) == ("insufficient", 0)


def test_requests_before_the_window_do_not_count(world, rng, no_evidently, check):
    """They are two days old, and the window is one day."""
    world.log(table_rows(rng, 600), ended=NOW - 2 * DAY)

    assert check(world).status == "insufficient"
    assert check(world, window={"hours": 72}).num_rows == 600


def test_missing_values_call_a_person_and_never_retrain(world, rng, no_evidently, check):
    """Half of `age` is gone, so the answers move too; what broken requests bring about must not be learned."""
    rows = table_rows(rng, 600, missing=0.5)
    rows["prediction"] = np.where(np.isnan(rows["age"]), "yes", rows["prediction"])
    ids = world.log(rows)

    verdict = check(world, **write_labels(world, ids))

    assert verdict.status == "data_quality"
    assert {"chi2", "missing_or_invalid"} <= {finding.check for finding in verdict.findings}
    assert verdict.alert
    assert (verdict.retrain, verdict.why) == (False, "the newest judged window shows nothing that should be learned")


def test_a_column_that_is_not_logged_any_more_calls_a_person(world, rng, no_evidently, check):
    """A client that stopped sending `income` breaks the model without any value out of place."""
    rows = table_rows(rng, 600)
    del rows["income"]
    world.log(rows)

    verdict = check(world)

    assert (verdict.status, verdict.alert) == ("data_quality", True)
    assert [(f.column, f.check) for f in verdict.findings] == [("income", "column_absent")]


def test_two_checks_at_once_judge_the_requests_once(world, rng, no_evidently, monkeypatch, check):
    """The second one finds that another was faster, and says so."""
    world.log(table_rows(rng, 600, shift=2.0))
    judged = step.judge

    def judge_late(*arguments):
        monkeypatch.setattr(step, "judge", judged)
        check(world)
        return judged(*arguments)

    monkeypatch.setattr(step, "judge", judge_late)
    with pytest.raises(ServiceUnavailable, match="another check has just judged"):
        check(world)
    assert len(MonitorState(world.state_dir).newest_windows(MODEL, 1, 9)) == 1


def test_the_report_says_everything_that_a_program_or_a_person_needs(world, rng, no_evidently):
    """JSON for the next step, a page with the verdict and histograms for people, numbers for MLflow."""
    world.log(table_rows(rng, 600, shift=2.0))
    tracked = Recorder()
    verdict = step.detect_drift(
        world.settings(), world.models_dir, world.requests_dir, world.state_dir, world.root / "report",
        tracker=tracked, now=NOW,
    )  # fmt: skip

    written = read_json(world.root / "report" / "verdict.json")
    shown = (world.root / "report" / page.REPORT_FILE).read_text()
    assert (written["status"], written["retrain"], written["incident"]) == ("drift", False, verdict.incident)
    assert written["findings"][0]["effect"] == verdict.findings[0].effect
    assert shown.index("Drift</p>") < shown.index("Findings") < shown.index("data:image/png;base64")
    assert tracked.metrics["share_drifted"] == pytest.approx(len({f.column for f in verdict.findings}) / 5)
    assert tracked.metrics["effect/age/ks"] == verdict.findings[0].effect
    assert tracked.tags["estafet.drift.status"] == "drift"


class Recorder:
    """A tracker that remembers."""

    def __init__(self):
        self.metrics, self.tags = {}, {}

    def log_metrics(self, metrics, step=None):
        self.metrics.update(metrics)

    def log_tags(self, tags):
        self.tags.update(tags)

    def log_file(self, path, folder=""):
        pass


def test_a_dark_camera_is_seen_in_the_pixels(tmp_path, rng, no_evidently, check):
    """The answers are as before; brightness alone tells."""
    world = World(tmp_path, Task.IMAGE_CLASSIFICATION)
    world.serve(described(image_rows(rng, 400)))
    world.log(image_rows(rng, 500), prefix="a")
    before = check(world)
    later = NOW + DAY
    world.log(image_rows(rng, 500, brightness=-60), ended=later, prefix="b")
    after = check(world, now=later)

    assert before.status == "ok"
    assert after.status == "drift"
    assert "brightness" in {finding.column for finding in after.findings if finding.check == "ks"}


def test_a_trend_and_a_season_are_no_drift_and_noise_is(tmp_path, rng, no_evidently, check):
    """A rising, seasonal series goes on as before, 150 steps after the reference; then its sensor becomes noisy."""
    world = World(tmp_path, Task.FORECASTING)
    steps = np.arange(2400)
    series = 300 + steps / 10 + 5 * np.sin(2 * np.pi * steps / 12) + rng.normal(0, 0.3, len(steps))
    world.serve(windows_of(series[:1000]))
    world.log(windows_of(series[1150:1700]), prefix="a")
    calm = check(world)
    noisy = series[1700:] + rng.normal(0, 2, 700)
    world.log(windows_of(noisy), ended=NOW + DAY, prefix="b")
    verdict = check(world, now=NOW + DAY, policy={"retrain": "auto"})

    assert calm.status == "ok"
    assert (verdict.status, verdict.retrain) == ("drift", False)
    assert "append them to data.source" in verdict.why


def windows_of(series, lookback=24):
    """Each step as one request with the last 24 values, and a forecast of no change."""
    starts = range(len(series) - lookback)
    return {
        "values": [series[start : start + lookback].tolist() for start in starts],
        "prediction": [[float(series[start + lookback - 1])] * 3 for start in starts],
    }


def test_nothing_served_and_nothing_logged_are_said_with_the_next_step(tmp_path, world, check):
    """Both messages name the command that mends it."""
    with pytest.raises(DataError, match="no version of 'shop' is served") as unserved:
        check(World(tmp_path / "empty"))
    with pytest.raises(DataError, match="no request to 'shop' is logged") as unlogged:
        check(world)
    assert "estafet run" in unserved.value.hint
    assert "estafet serve" in unlogged.value.hint


def test_a_damaged_reference_is_named(world, rng, check):
    """The model is served, but its reference cannot be read."""
    (world.models_dir / MODEL / "1" / "estafet" / "reference.parquet").write_bytes(b"PAR1 no more")
    world.log(table_rows(rng, 600))

    with pytest.raises(DataError, match="version 1 of 'shop' has no usable reference"):
        check(world)


@pytest.mark.slow
def test_evidently_draws_its_page_on_drift_only(world, rng, check):
    """It costs seconds, so a calm window does without; a column that it cannot draw does not cost the page."""
    world.log(table_rows(rng, 600), prefix="a")
    check(world)
    calm = (world.root / "report" / page.EVIDENTLY_FILE).exists()
    rows = table_rows(rng, 600, shift=2.0)
    rows["income"][:] = np.nan
    world.log(rows, ended=NOW + DAY, prefix="b")
    check(world, now=NOW + DAY)

    assert not calm
    assert "age" in (world.root / "report" / page.EVIDENTLY_FILE).read_text()
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert page.EVIDENTLY_FILE in (world.root / "report" / page.REPORT_FILE).read_text()


def test_the_step_needs_no_tensorflow():
    """A check is a matter of seconds; TensorFlow alone takes more, and Evidently is for pages only."""
    code = (
        "import sys; import components.detect_drift.step, components.retrain.step, components.report_end.step; "
        "print([name for name in ('tensorflow', 'keras', 'evidently', 'pandas', 'mlflow') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_the_state_file_is_one_file_in_the_state_folder(world, rng, no_evidently, check):
    """So it can be looked at, moved and backed up."""
    world.log(table_rows(rng, 600))
    check(world)
    assert [path.name for path in world.state_dir.iterdir()] == [state.STATE_FILE]
