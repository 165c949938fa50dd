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


@pytest.fixture
def user(tmp_path):
    """A user's folder: the module nets.image imports its package's layers.py, and blocks.py beside the run file."""
    folder = tmp_path / "user folder"
    (folder / "nets").mkdir(parents=True)
    (folder / "nets" / "__init__.py").write_text("x = 1\n")
    (folder / "nets" / "image.py").write_text("import blocks\nimport yaml\nfrom . import layers\nunits = 1\n")
    (folder / "nets" / "layers.py").write_text("x = 1\n")
    (folder / "blocks.py").write_text("x = 1\n")
    (folder / "yaml.py").write_text("x = 1\n")
    (folder / "other.py").write_text("x = 1\n")
    return folder


def of_user(folder):
    return provenance.fingerprint_code("ours.step", user_module="nets.image", user_folder=folder)


@pytest.mark.parametrize("file", ["nets/image.py", "nets/__init__.py", "nets/layers.py", "blocks.py"])
def test_the_users_own_model_counts_with_what_it_imports_beside_the_run_file(package, user, file):
    before = of_user(user)

    change(user / file)

    after = of_user(user)
    assert {key for key in after.parts if before.parts.get(key) != after.parts[key]} == {file}


@pytest.mark.parametrize("file", ["other.py", "yaml.py"])
def test_a_file_beside_the_run_file_that_the_model_does_not_import_changes_nothing(package, user, file):
    """A step finds an installed `yaml` before one beside the run file."""
    before = of_user(user)

    change(user / file)

    assert of_user(user) == before


def test_an_installed_model_counts_with_its_package(package, user, tmp_path, monkeypatch):
    """And not with a file of the same name beside the run file, which a step would not find."""
    monkeypatch.syspath_prepend(str(user))
    before = of_user(tmp_path)

    change(user / "nets" / "layers.py")

    after = of_user(tmp_path)
    assert {key for key in after.parts if before.parts.get(key) != after.parts[key]} == {"nets/layers.py"}


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


def test_a_glob_of_folders_means_the_files_in_them(tmp_path):
    """As ingest reads them: `data.source: data/day-*`."""
    (tmp_path / "day-1").mkdir()
    (tmp_path / "day-1" / "a.csv").write_text("1")

    found = provenance.fingerprint_sources([str(tmp_path / "day-*")])

    assert list(found.files) == [str(tmp_path / "day-1" / "a.csv")]


def test_a_folder_that_is_a_link_counts_with_its_files_and_a_link_in_a_circle_ends(tmp_path):
    """A class may lie on another disk; ingest follows the link."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a.png").write_text("1")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cat").symlink_to(tmp_path / "disk")
    (tmp_path / "data" / "dog").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "round").symlink_to(tmp_path / "data")

    found = provenance.fingerprint_sources([str(tmp_path / "data")])

    assert sorted(found.files) == [str(tmp_path / "data" / name / "a.png") for name in ("cat", "dog")]
