"""The log as JSON lines."""

from __future__ import annotations

import json
import logging

from serving.server.watching.lines import JsonLines


def test_a_record_is_one_object_with_its_extras_and_its_exception():
    try:
        raise KeyError("x")
    except KeyError as error:
        record = logging.makeLogRecord(
            {
                "name": "estafet.serving",
                "levelname": "ERROR",
                "msg": "%s failed\nbadly",
                "args": ("m",),
                "exc_info": (type(error), error, error.__traceback__),
                "model": "m",
            }
        )
    line = JsonLines().format(record)

    entry = json.loads(line)
    assert "\n" not in line
    assert (entry["level"], entry["logger"], entry["message"]) == ("ERROR", "estafet.serving", "m failed\nbadly")
    assert entry["model"] == "m"
    assert "KeyError: 'x'" in entry["exception"]
