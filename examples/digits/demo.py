"""The whole relay on handwritten digits: train, serve, drift, retrain. `make demo` runs it.

Every act is an `estafet` command that you can type yourself; the demo plays the world around them: the users who send
digits, the camera that ages, and the people who label what it saw.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from camera import read_digits
from demo_page import write_page
from rich.console import Console

from serving.client import Client

HERE = Path(__file__).parent
RUN_FILE = HERE / "run.yaml"
WORKSPACE = HERE / ".estafet-demo"
LABELS = WORKSPACE / "labels.csv"
ARCHIVE = WORKSPACE / "archive"
NUM_USERS = 450  # digits that are kept from training, for the users to send
NUM_EXAM = 150  # of these, what the last exam is made of
TAKES = 3  # photographs of each digit by the aged camera
BATCH = 50
LOG_FLUSH_S = 0.5
OPTIONS = [
    *("--set", f"workspace={WORKSPACE.name}"),
    *("--set", f"data.source={ARCHIVE.relative_to(HERE)}"),
    *("--set", f"monitor.labels={LABELS.relative_to(HERE)}"),
    *("--set", f"serve.log_flush_s={LOG_FLUSH_S}"),
    *("--set", "evaluate.gates.accuracy.min=0.95"),  # version 2 is judged on photographs by the aged camera too
]
console = Console(highlight=False, soft_wrap=True)


def main() -> None:
    """Play the relay from raw data to a retrained model."""
    started = time.monotonic()
    generator = np.random.default_rng(7)
    shutil.rmtree(WORKSPACE, ignore_errors=True)
    say("Real handwritten digits, one folder for each class")
    subprocess.run([sys.executable, str(HERE / "make_data.py")], check=True)
    digits = read_digits(HERE / "data")
    users = digits.shuffled(generator).take(NUM_USERS)
    digits.without(users).copy_to(ARCHIVE)
    console.print(f"{NUM_USERS} of them are kept from training: they are what users will send")

    with server() as client:
        say("Train: ingest → tune → train → evaluate → gate → export → deploy")
        estafet("run", RUN_FILE)
        client.wait_until_available(1, timeout_s=60)

        say(f"Users send {NUM_USERS} digits")
        _, answers = send(client, users.images)
        new_camera = users.accuracy(answers)
        console.print(f"accuracy {new_camera:.3f}")
        say("Does the monitor stay calm?")
        check()

        say("The camera ages: glare, less contrast, more noise")
        exam, labelled = (part.aged(generator, TAKES) for part in users.split(NUM_EXAM))
        ids, answers = send(client, labelled.images)
        console.print(f"accuracy {labelled.accuracy(answers):.3f}")
        _, answers = send(client, exam.images)
        old_accuracy = exam.accuracy(answers)
        write_labels(ids, labelled.labels)
        console.print(
            f"people label {len(ids)} of these {len(ids) + len(answers)} requests in {os.path.relpath(LABELS)}"
        )

        say("Does the monitor see it? Then it raises the alert, and retrains on old and new data")
        check()

        say("The server picked the new version up by itself; the same exam again")
        client.wait_until_available(2, timeout_s=60)
        _, answers = send(client, exam.images)
        new_accuracy = exam.accuracy(answers)

    took_s = time.monotonic() - started
    accuracies = {
        "version 1, new camera": new_camera,
        "version 1, aged camera": old_accuracy,
        "version 2, aged camera": new_accuracy,
    }
    page = write_page(WORKSPACE, users.images, exam.images[::TAKES], accuracies, len(exam.images), took_s)
    console.print(
        f"\n[bold]accuracy on {len(exam.images)} photographs by the aged camera that no model learned from[/]"
    )
    console.print(f"  version 1   {old_accuracy:.3f}\n  version 2   {new_accuracy:.3f}   (served now)")
    console.print(f"\nthe whole relay took {took_s:.0f} s; open {os.path.relpath(page)}")


def check() -> None:
    """Run one pass of the monitor, when the request log is on disk."""
    time.sleep(2 * LOG_FLUSH_S)
    estafet("monitor", "check", RUN_FILE)


def say(text: str) -> None:
    """Print a headline of the demo."""
    console.print(f"\n[bold cyan]━━ {text}[/]")


def estafet(*arguments: object) -> None:
    """Run an `estafet` command as a user would, and stop the demo where it fails."""
    command = ["estafet", *map(str, arguments), *OPTIONS]
    console.print(f"[dim]$ {' '.join(command)}[/]")
    status = subprocess.call([sys.executable, "-m", "cli.main", *command[1:]])
    if status:
        sys.exit(status)


@contextlib.contextmanager
def server() -> Iterator[Client]:
    """Serve the model with `estafet serve` while the block runs; it waits for the first version."""
    say("Serve: nothing yet, so the server waits for the first version")
    port = free_port()
    command = ["estafet", "serve", str(RUN_FILE), "--port", str(port), *OPTIONS]
    console.print(f"[dim]$ {' '.join(command)} &[/]")
    process = subprocess.Popen([sys.executable, "-m", "cli.main", *command[1:]])
    try:
        yield Client(f"http://127.0.0.1:{port}", "digits")
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def send(client: Client, pngs: list[bytes]) -> tuple[list[str], list[str]]:
    """Send images in batches; return the request id and the predicted class of each."""
    ids: list[str] = []
    answers: list[str] = []
    for start in range(0, len(pngs), BATCH):
        batch = pngs[start : start + BATCH]
        request = uuid.uuid4().hex[:12]
        instances = [{"b64": base64.b64encode(png).decode()} for png in batch]
        predictions = client.predict(instances, request_id=request).predictions
        ids += [f"{request}-{k}" for k in range(len(batch))]
        answers += [prediction["class"] for prediction in predictions]
    return ids, answers


def write_labels(ids: list[str], labels: list[str]) -> None:
    """Write the labels file that the run file's `monitor.labels` names."""
    with LABELS.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["request_id", "label"])
        writer.writerows(zip(ids, labels, strict=True))


if __name__ == "__main__":
    main()
