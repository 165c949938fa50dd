"""Sends the rows of a CSV file to a model server, as the tutorial's users would.

python docs/send_rows.py DATA.csv URL MODEL [--scale "COLUMN=FACTOR"]
"""

from __future__ import annotations

import argparse
import csv
import json
import urllib.parse
import urllib.request

BATCH = 100


def main() -> None:
    """Ask which inputs the model takes, send every row, and count the answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("url")
    parser.add_argument("model")
    parser.add_argument("--scale", help="multiply one column, as COLUMN=FACTOR")
    given = parser.parse_args()
    address = f"{given.url}/v1/models/{urllib.parse.quote(given.model)}"
    inputs = call(f"{address}/metadata")["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]
    column, _, factor = (given.scale or "").partition("=")
    with open(given.data, newline="", encoding="utf-8") as file:
        rows = [{name: float(row[name]) for name in inputs} for row in csv.DictReader(file)]
    for row in rows:
        if column:
            row[column] *= float(factor)
    answers: dict[str, int] = {}
    for start in range(0, len(rows), BATCH):
        for prediction in call(f"{address}:predict", {"instances": rows[start : start + BATCH]})["predictions"]:
            answers[prediction["class"]] = answers.get(prediction["class"], 0) + 1
    print(f"sent {len(rows)} rows: {answers}")


def call(url: str, body: object = None) -> dict:
    """Send a request and return the answer."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(url, data=data, timeout=60) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()
