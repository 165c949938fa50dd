"""What a person sees of a running pipeline: one row for each step, whatever the width; plain lines in a file."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from cli.live_table import duration, shown, steps_table
from estafet.telemetry import StepRecord, record_path


def drawn(state, width=100):
    """Return the rows of the table, as a terminal without colours shows them."""
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=True)
    console.print(steps_table(state, width))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.fixture
def busy(runs):
    """A run with a step in each state."""
    state = runs.state()
    runs.put(state, "ingest", "reused", "360 train · 98 validation")
    runs.put(state, "tune", "done", "6 trials", wall_s=1234.5, ended=1.0)
    runs.put(state, "train", "running", "epoch 8/40 · loss 0.0852", started=time.time(), done=8, total=40)
    runs.put(state, "evaluate", "failed", wall_s=3.0, ended=1.0, error={"message": "no test split.\ndetails"})
    runs.put(state, "export", "skipped")
    return state


class TestTable:
    def test_each_state_has_its_mark_its_word_and_what_the_step_says(self, busy):
        ingest, tune, train, evaluate, export, deploy = drawn(busy)

        assert ingest.split() == ["↺", "ingest", "reused", "360", "train", "·", "98", "validation"]
        assert tune.split() == ["✓", "tune", "done", "20", "min", "34", "s", "6", "trials"]
        assert train.startswith("▶  train     running")
        assert train.endswith("━━──────────  20%  epoch 8/40 · loss 0.0852")
        assert evaluate.split() == ["✗", "evaluate", "failed", "3.0", "s", "no", "test", "split."]
        assert export.split() == ["–", "export", "skipped"]
        assert deploy.split() == ["·", "deploy", "waiting"]

    @pytest.mark.parametrize("width", [60, 80, 140])
    def test_a_long_message_is_cut_and_takes_nothing_from_the_other_columns(self, busy, width):
        busy.steps["tune"].message = "words " * 50

        rows = drawn(busy, width)

        assert len(rows) == 6
        assert max(map(len, rows)) <= width
        assert [row.split()[:3] for row in rows[:2]] == [["↺", "ingest", "reused"], ["✓", "tune", "done"]]
        assert rows[1].endswith("…")

    def test_at_80_columns_the_bar_makes_room_for_how_far_tuning_is(self, busy, runs):
        """Ten minutes of tuning: the count, the best and the time left are all to be seen, and the percentage."""
        said = "trial 17/40 · best 0.4123 (rmse) · 9 pruned · 2 running · 4 min left"
        runs.put(busy, "tune", "running", said, started=time.time() - 625, done=17, total=40)

        assert "4 min left · trial 17/40 · best 0.4123" in drawn(busy, 80)[1]
        assert " 42%" in drawn(busy, 80)[1] and "━" not in drawn(busy, 80)[1]
        assert "━━━━━───────  42%  4 min left · trial 17/40" in drawn(busy, 120)[1]

    def test_the_handler_of_the_end_shows_only_when_it_failed(self, busy, runs):
        assert not any("report_end" in row for row in drawn(busy))

        runs.put(busy, "report_end", "failed")

        assert "report_end" in drawn(busy)[-1]

    def test_brackets_in_a_message_are_no_markup(self, busy):
        busy.steps["tune"].message = "[bold]units[/] is [16, 32]"

        assert drawn(busy)[1].endswith("[bold]units[/] is [16, 32]")


class TestTimeLeft:
    def test_it_follows_from_the_share_that_is_done(self, busy, monkeypatch):
        monkeypatch.setattr(time, "time", lambda: 1000.0)
        train = busy.steps["train"]
        train.started, train.record.message = 990.0, "scoring"

        assert drawn(busy)[2].endswith("20%  40 s left · scoring"), "a fifth took 10 s, so four fifths take 40"

        train.started = 900.0

        assert drawn(busy)[2].endswith("20%  7 min left · scoring"), "400 s"

    def test_it_counts_from_where_the_counting_began(self, busy, monkeypatch):
        """Writing goes on at the pace of writing, however long reading took; a resumed step did not do all itself."""
        monkeypatch.setattr(time, "time", lambda: 1000.0)
        train = busy.steps["train"]
        train.started, train.record.message = 100.0, "writing"

        train.record.counted_from = (996.0, 0)
        assert drawn(busy)[2].endswith("20%  16 s left · writing"), "8 took 4 s, so 32 take 16"

        train.record.counted_from = (996.0, 4)
        assert drawn(busy)[2].endswith("20%  32 s left · writing"), "4 took 4 s"

    def test_what_the_step_itself_says_wins_and_comes_first(self, busy):
        busy.steps["train"].record.message = "epoch 8/40 · loss 0.0852 · 17 s left"

        assert drawn(busy)[2].endswith("20%  17 s left · epoch 8/40 · loss 0.0852")

    def test_it_is_not_guessed_from_the_first_moments(self, busy):
        busy.steps["train"].record.done = 1

        assert "left" not in drawn(busy)[2]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (99.9, "99.9 s"), (99.96, "1 min 40 s"), (3605, "60 min 05 s")]
)
def test_a_time_is_written_as_people_read_it(seconds, text):
    assert duration(seconds) == text


class TestLines:
    def test_each_change_is_one_line_and_nothing_is_said_twice(self, runs):
        state, console = runs.state(), Console(file=io.StringIO(), width=40)
        runs.put(state, "ingest", "reused", "360 train")
        steps = record_path(state.folder, "tune").parent
        steps.mkdir()

        with shown(state, console):
            state.steps["tune"].state = "running"
            StepRecord("tune", "running", started=1.0)
            record = '{"step": "tune", "state": "done", "started": 1.0, "ended": 3.5, "wall_s": 2.5, "message": "%s"}'
            record_path(state.folder, "tune").write_text(record % ("6 trials " * 10))
        state.refresh()

        lines = console.file.getvalue().splitlines()
        assert lines[0].split() == ["ingest", "reused", "360", "train"]
        assert len(lines) <= 2, "a line is not wrapped, however narrow the terminal"
        assert not any("waiting" in line for line in lines)
