"""Fingerprints: what must change them, and what must not."""

from __future__ import annotations

import os
import sys

import pytest

from estafet import provenance
from estafet.errors import StepFailed


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package of ours: step → deep → (inside a function) deeper; `other` stands apart."""
    root = tmp_path / "ours"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "step.py").write_text("from ours import deep\n")
    (root / "deep.py").write_text("import yaml\n\n\ndef f():\n    from . import deeper\n")
    (root / "deeper.py").write_text("x = 1\n")
    (root / "other.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(provenance, "OWN_PACKAGES", ("ours",))
    monkeypatch.delitem(sys.modules, "ours", raising=False)
    return root


def change(path):
    """Change one byte of a file, and its time of change."""
    path.write_text(path.read_text().replace("1", "2") + "# \n")
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1_000_000))


@pytest.mark.parametrize("module", ["step", "deep", "deeper", "__init__"])
def test_a_line_of_any_module_that_a_step_imports_changes_its_fingerprint(package, module):
    before = provenance.fingerprint_code("ours.step")

    change(package / f"{module}.py")

    assert provenance.fingerprint_code("ours.step").digest != before.digest


def test_a_module_that_a_step_does_not_import_changes_nothing(package):
    before = provenance.fingerprint_code("ours.step")

    change(package / "other.py")

    assert provenance.fingerprint_code("ours.step") == before


def test_libraries_count_with_their_version(package):
    import yaml

    assert provenance.fingerprint_code("ours.step").parts["PyYAML"] == yaml.__version__


def test_the_users_own_model_file_counts(package, tmp_path):
    model = tmp_path / "mymodel.py"
    model.write_text("units = 1\n")
    before = provenance.fingerprint_code("ours.step", extra_files=[model])

    change(model)

    after = provenance.fingerprint_code("ours.step", extra_files=[model])
    assert {key for key in after.parts if before.parts.get(key) != after.parts[key]} == {"mymodel.py"}


def test_real_steps_depend_on_their_own_folder_and_not_on_each_other():
    parts = provenance.fingerprint_code("components.ingest.step").parts

    assert "estafet.records.manifest" in parts
    assert not any(name.startswith(("components.train", "serving", "monitoring")) for name in parts)


def test_sources_are_told_apart_by_name_size_and_time(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("1")
    os.utime(file, ns=(5, 5))
    before = provenance.fingerprint_sources([str(tmp_path)])
    assert (before.num_files, before.num_bytes, before.files) == (1, 1, {str(file): "1 5"})

    os.utime(file, ns=(6, 6))
    assert provenance.fingerprint_sources([str(tmp_path)]).digest != before.digest

    os.utime(file, ns=(5, 5))
    assert provenance.fingerprint_sources([str(tmp_path)]) == before


def test_a_glob_finds_what_the_shell_would(tmp_path):
    for name in ("a.csv", "b.csv", "c.txt"):
        (tmp_path / name).write_text("1")

    assert provenance.fingerprint_sources([str(tmp_path / "*.csv")]).num_files == 2


def test_a_source_that_is_not_there_counts_as_empty(tmp_path):
    assert provenance.fingerprint_sources([str(tmp_path / "no")]).num_files == 0


def test_a_step_whose_source_is_not_there_is_refused_instead_of_never_changing():
    with pytest.raises(StepFailed, match=r"components\.nothing\.step"):
        provenance.fingerprint_code("components.nothing.step")


def test_a_namespace_package_is_read_all_the_same(package):
    """An editable install may give our packages without an origin of their own."""
    (package / "__init__.py").unlink()

    assert {"ours.step", "ours.deep", "ours.deeper"} <= set(provenance.fingerprint_code("ours.step").parts)
