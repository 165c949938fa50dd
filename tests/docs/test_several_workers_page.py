"""docs/several-workers.md: its Kubernetes job gives each pod a TF_CONFIG that we can read, and its keys are real."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from click.testing import CliRunner

from cli.main import estafet
from cli.train_workers import train_workers
from estafet.runfile.train import Train
from estafet.training.workers import cluster, links, strategy
from estafet.training.workers.supervisor import Patience

PAGE = Path(__file__).parents[2] / "docs" / "several-workers.md"
TEXT = PAGE.read_text(encoding="utf-8")


def _yaml(heading: str) -> list[dict]:
    section = TEXT.split(f"## {heading}\n")[1].split("\n## ")[0]
    return list(yaml.safe_load_all(re.search(r"```yaml\n(.*?)```", section, re.DOTALL)[1]))


def test_each_pod_finds_its_place_and_the_names_that_the_service_gives():
    service, job = _yaml("On a cluster")
    name, spec = job["metadata"]["name"], job["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    given = {entry["name"]: entry for entry in container["env"]}

    for index in range(spec["completions"]):
        found = cluster.parse(given["TF_CONFIG"]["value"].replace("$(WORKER)", str(index)))
        assert found.index == index
        port = service["spec"]["ports"][0]["port"]
        assert found.addresses == tuple(f"{name}-{i}.{service['metadata']['name']}:{port}" for i in range(2))
    assert list(given) == ["WORKER", "TF_CONFIG"]  # Kubernetes fills in only what stands above
    assert spec["template"]["spec"]["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"]["job-name"] == name
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] > Patience().end_s


def test_the_jobs_command_is_one_that_there_is():
    _, job = _yaml("On a cluster")
    command, *arguments = job["spec"]["template"]["spec"]["containers"][0]["command"]

    assert command == "estafet" and arguments[0] in estafet.list_commands(None)
    train_workers.make_context("train-workers", arguments[1:])


def test_the_keys_and_figures_are_those_of_the_code():
    (section,) = _yaml("On this machine")

    train = Train.model_validate(section["train"])

    assert (train.devices, train.workers) == ("multi-worker", 2)
    assert f"after {links.SILENCE_S:.0f} s of silence" in TEXT
    assert f"heartbeats, after {strategy.HEARTBEAT_TIMEOUT_S} s" in TEXT
    helped = CliRunner().invoke(train_workers, ["--help"]).output
    for option in re.findall(r"`(--[a-z]+)", TEXT):
        assert option in helped
    defaults = {option.name: option.default for option in train_workers.params}
    assert f"`--timeout` seconds ({defaults['timeout_s']})" in TEXT
    assert f"`--restarts` times ({defaults['restarts']})" in TEXT
