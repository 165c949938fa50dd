"""What there is to say of an ingested data set, once all its shards have been read back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cli.inspection.contents import about_contents
from cli.inspection.examples import Times, named_values
from cli.inspection.inspected import Inspected
from cli.inspection.leaks import shared_examples, shared_windows
from cli.inspection.problems import rows_of
from cli.inspection.sections import Findings, Section, in_bytes, in_percent
from cli.inspection.shards import Part, read_back
from estafet.records.manifest import Manifest
from estafet.records.windows import window_starts
from estafet.telemetry import Progress, silent

QUARANTINE = "quarantine"
SHARDS_ON_TERMINAL = 5


def inspect(folder: str | Path, progress: Progress = silent) -> Inspected:
    """Read a data set back, from its manifest to the last byte of its last shard.

    Raises:
        DataError: It is no finished data set, or a newer Estafet wrote it.
    """
    folder, manifest = Path(folder), Manifest.load(folder)
    parts, checks = read_back(folder, manifest, progress)
    leak, times = None, Times(manifest.data_schema.time_unit)
    if not any(check.problem for check in checks):
        leak = shared_windows(parts, manifest, times) if manifest.window else shared_examples(parts)
    return Inspected(folder, manifest, parts, checks, leak, times)


def findings(seen: Inspected, num_rows: int) -> Findings:
    """Return what there is to say, with so many sample rows."""
    manifest = seen.manifest
    task = manifest.task.value.replace("_", " ")
    num_bytes = sum(check.shard.num_bytes for check in seen.checks)
    return Findings(
        title=manifest.name,
        subtitle=f"{task} · data set {manifest.version[:12]} · {seen.folder}",
        verdict=_verdict(seen)[0],
        tone=_verdict(seen)[1],
        facts={
            **{part.name: _num_examples(seen, part) for part in seen.parts},
            "shards": len(seen.checks),
            "size": in_bytes(num_bytes),
            "anomalies": sum(anomaly.count for anomaly in manifest.anomalies),
            "filled in" if seen.is_series else "left out": _num_mended(manifest),
        },
        sections=(
            *_about_splits(seen),
            *about_contents(seen),
            _anomalies(seen),
            _sample(seen, num_rows),
            _shards(seen),
        ),
    )


def _verdict(seen: Inspected) -> tuple[str, str]:
    broken = sum(bool(check.problem) for check in seen.checks)
    if broken:
        return f"{broken:,} of {len(seen.checks):,} shards are broken", "bad"
    if seen.problems:
        return "the shards are not what the manifest says", "bad"
    whole = f"all {len(seen.checks):,} shards whole, checksums right"
    groups = seen.manifest.overlap.groups or 0
    if seen.leak.num_shared or groups:
        return f"the splits overlap: {max(seen.leak.num_shared, groups):,}; {whole}", "warn"
    return f"overlap 0: the splits do not leak; {whole}", "good"


def _about_splits(seen: Inspected) -> Iterator[Section]:
    total = sum(_num_examples(seen, part) for part in seen.parts) or 1
    rows = [
        {
            "part" if seen.manifest.folds else "split": part.name,
            "windows" if seen.is_series else "examples": (num := _num_examples(seen, part)),
            "share": in_percent(num / total),
            **_steps(seen, part),
            "shards": len(part.split.shards),
            "size": in_bytes(sum(shard.num_bytes for shard in part.split.shards)),
        }
        for part in seen.parts
    ]  # fmt: skip
    yield Section("Splits", rows=tuple(rows))
    yield _leaks(seen)


def _steps(seen: Inspected, part: Part) -> dict[str, object]:
    if not seen.is_series:
        return {}
    return {"steps": part.split.num_examples, "to look back on": part.split.num_context_steps}


def _leaks(seen: Inspected) -> Section:
    if seen.leak is None:
        return Section("Overlap", "Not counted: a shard is broken.", "bad")
    leak, overlap, duplicates = seen.leak, seen.manifest.overlap, seen.manifest.num_duplicates
    rows = [{"what": seen.what, "counted in the shards": leak.num_shared, "manifest": seen.promised}]
    if overlap.groups is not None:
        rows.append({"what": "groups in several splits", "counted in the shards": None, "manifest": overlap.groups})
    kept = "" if seen.is_series else f" {duplicates:,} examples are exact duplicates of another one." * bool(duplicates)
    of = "training windows" if seen.is_series else "records"
    text = f"overlap {leak.num_shared:,}, counted anew from {leak.num_compared:,} {of} in the shards.{kept}"
    if leak.num_shared and not seen.problems:
        text += " The manifest says so too: rows were not divided by their content, but by time or by groups."
    if leak.first:
        text += f" The first: {'; '.join(leak.first)}."
    return Section("Overlap", text, "warn" if leak.num_shared else "good", rows=tuple(rows))


def _anomalies(seen: Inspected) -> Section:
    manifest, folder = seen.manifest, seen.folder / QUARANTINE
    rows = rows_of(manifest.anomalies, "(image)" if manifest.image_shape else "(whole row)")
    what = "steps were filled in" if seen.is_series else "examples were left out"
    text = f"{_num_mended(manifest):,} {what}." if rows else "None was found."
    if folder.is_dir():
        text += f" What was left out is kept, with its reason, in {folder}."
    return Section("Anomalies", text, "warn" if rows else "good", rows=rows)


def _num_mended(manifest: Manifest) -> int:
    """Return how many steps of series were filled in, or how many examples were left out."""
    if manifest.window:
        return sum(anomaly.count for anomaly in manifest.anomalies if anomaly.kind == "gap")
    return manifest.num_bad_examples


def _sample(seen: Inspected, num_rows: int) -> Section:
    part = next((part for part in seen.parts if part.name == "train"), seen.parts[0])
    rows = tuple(named_values(record, seen.manifest, seen.times) for record in part.sample[:num_rows])
    return Section("Sample", f"Records of {part.name}, decoded." * bool(rows), rows=rows, limit=num_rows)


def _shards(seen: Inspected) -> Section:
    rows = [
        {"file": check.shard.file, "records": check.shard.num_examples, "size": in_bytes(check.shard.num_bytes),
         "CRC32C": f"{check.shard.crc32c:08x}", "check": check.problem or "right"}
        for check in sorted(seen.checks, key=lambda check: not check.problem)
    ]  # fmt: skip
    manifest = seen.manifest
    text = f"Layout {manifest.layout}, compression {manifest.compression}, format {manifest.format}."
    return Section("Shards", text, rows=tuple(rows), limit=SHARDS_ON_TERMINAL)


def _num_examples(seen: Inspected, part: Part) -> int:
    return len(window_starts(seen.manifest, part.name)) if seen.is_series else part.split.num_examples
