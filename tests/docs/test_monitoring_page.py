"""docs/monitoring.md: its run files, checks, metrics and commands are those of the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from cli.monitor import monitor
from estafet.runfile.monitor import Monitor
from monitoring.detection import domain, drift, performance
from monitoring.incidents.exposition import HELP

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
METRIC = re.compile(r"estafet_\w+")


@pytest.mark.parametrize("block", BLOCKS)
def test_its_run_files_are_taken(block):
    Monitor.model_validate(yaml.safe_load(block)["monitor"])


def test_its_table_has_every_check_with_the_smallest_effect_that_counts():
    rows = {row[0]: row[3] for row in re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)}

    assert set(rows) == set(drift.KINDS)
    for name, floor in drift.FLOORS.items():
        assert rows[name] == f"{floor:g}"
    assert rows["domain"] == f"{domain.FLOOR:g}"
    assert rows["performance"] == f"{performance.ACCURACY_FLOOR:g}; {performance.ERROR_FLOOR:g}"


def test_its_commands_are_commands():
    assert set(re.findall(r"estafet monitor ([\w-]+)", PAGE)) <= set(monitor.commands)


def test_its_metrics_are_those_that_are_printed():
    assert set(re.findall(r"^\| `(estafet_\w+)` \|", PAGE, re.MULTILINE)) == set(HELP)


@pytest.mark.parametrize("name", ["rules.yaml", "grafana-drift.json"])
def test_rules_and_board_use_no_metric_that_is_not_printed(name):
    text = (ROOT / "infra" / "prometheus" / name).read_text(encoding="utf-8")

    assert set(METRIC.findall(text)) <= set(HELP)
    assert METRIC.findall(text)


def test_the_rules_have_what_prometheus_wants_of_a_rule():
    (group,) = yaml.safe_load((ROOT / "infra/prometheus/rules.yaml").read_text())["groups"]

    for rule in group["rules"]:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["expr"].count("(") == rule["expr"].count(")")
    assert len({rule["alert"] for rule in group["rules"]}) == len(group["rules"])


def test_no_two_panels_of_the_board_lie_on_each_other():
    board = json.loads((ROOT / "infra/prometheus/grafana-drift.json").read_text())
    places = [
        {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        for at in (panel["gridPos"] for panel in board["panels"])
    ]

    assert len(set.union(*places)) == sum(len(place) for place in places)
    assert max(x for place in places for x, _ in place) < 24
