"""Which files are meant, and that none is passed over in silence."""

import subprocess
import sys

import pytest

from components.ingest.sources.find import find
from components.ingest.sources.folders import expand, walk
from estafet.errors import ConfigError, DataError
from estafet.runfile.tasks import Task


@pytest.fixture
def tree(tmp_path):
    """Return a function that makes files and folders, and gives the root."""

    def made(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("a,b\n1,2\n")
        return tmp_path

    return made


def names(paths, root):
    return [str(path.relative_to(root)) for path in paths]


def found(root, *sources, data_format="auto", task=Task.TABULAR_REGRESSION, **values):
    files, data_format = find(tuple(str(root / source) for source in sources), data_format, task, **values)
    return names(files, root), data_format


def test_folders_are_read_in_order_without_hidden_files(tree):
    root = tree("d/b.csv", "d/a.csv", "d/c/x.tsv", "d/.hidden.csv", "d/.cache/y.csv", "d/notes.md")

    assert found(root, "d") == (["d/a.csv", "d/b.csv", "d/c/x.tsv"], "csv")


def test_a_file_that_is_named_twice_is_read_once(tree):
    root = tree("d/a.csv", "d/b.csv")

    assert found(root, "d/b.csv", "d/*.csv", "d")[0] == ["d/b.csv", "d/a.csv"]


def test_what_spark_writes_beside_its_data_is_passed_over(tree):
    root = tree("t/year=1/p.parquet", "t/_delta_log/c.parquet", "t/_temporary/q.parquet", "t/_SUCCESS")

    assert found(root, "t") == (["t/year=1/p.parquet"], "parquet")


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("*.csv", ["a.csv"]),
        ("d/*", ["d/b.csv", "d/e", "d/f"]),
        ("d/*/*.csv", ["d/e/g.csv", "d/f/h.csv"]),
        ("**/*.csv", ["a.csv", "d/b.csv", "d/e/g.csv", "d/f/h.csv"]),
        ("d/**", ["d"]),
        ("**/f/*", ["d/f/h.csv"]),
        ("d/[!e]/?.csv", ["d/f/h.csv"]),
        ("d/.*/*", ["d/.h/i.csv"]),
        ("x/*", []),
    ],
)
def test_globs(tree, pattern, matches):
    root = tree("a.csv", "d/b.csv", "d/e/g.csv", "d/f/h.csv", "d/.h/i.csv")

    assert names(expand(str(root / pattern)), root) == matches


def test_a_loop_of_links_ends_and_files_are_read_once(tree):
    root = tree("d/a.csv", "d/e/b.csv", "other/c.csv")
    (root / "d" / "e" / "up").symlink_to(root / "d")
    (root / "d" / "self").symlink_to(root / "d")
    (root / "d" / "other").symlink_to(root / "other")

    assert names(walk(root / "d"), root) == ["d/a.csv", "d/e/b.csv", "d/other/c.csv"]
    assert found(root, "d/**/*.csv")[0] == ["d/a.csv", "d/e/b.csv", "d/other/c.csv"]


def test_links_that_lead_nowhere(tree):
    root = tree("d/a.csv")
    (root / "d" / "b.csv").symlink_to(root / "gone.csv")
    with pytest.raises(DataError, match=r"b.csv' leads nowhere: .*gone.csv"):
        found(root, "d")
    (root / "d" / "b.csv").unlink()
    (root / "d" / "loop.csv").symlink_to("loop.csv")
    with pytest.raises(DataError, match=r"loop.csv' leads nowhere: loop.csv"):
        found(root, "d/*.csv")


def test_a_folder_without_read_permission(tree):
    """As an ordinary user: root may read everything."""
    root = tree("d/a.csv", "d/closed/b.csv")
    root.chmod(0o755)
    (root / "d" / "closed").chmod(0)
    code = (
        "import os, sys\n"
        "from components.ingest.sources.find import find\n"
        "from estafet.errors import DataError\n"
        "from estafet.runfile.tasks import Task\n"
        "os.chdir(sys.argv[1])\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "for source in sys.argv[2:]:\n"
        "    try:\n"
        "        print(find((source,), 'auto', Task.TABULAR_REGRESSION))\n"
        "    except DataError as error:\n"
        "        print(error.message, error.hint)\n"
    )
    sources = ["d", "d/*/*.csv", "d/closed/b.csv", "d/closed", "d/closed/*.csv"]

    done = subprocess.run([sys.executable, "-c", code, root, *sources], capture_output=True, text=True, check=True)

    (root / "d" / "closed").chmod(0o755)
    assert done.stdout.splitlines() == ["'d/closed' may not be read by this user. allow it: chmod u+rx 'd/closed'"] * 5


def test_images_with_labels_need_no_folders_of_classes(tree):
    root = tree("d/a.png", "d/labels.csv", "d/more.csv")

    assert found(root, "d", task=Task.IMAGE_CLASSIFICATION, has_labels=True) == (["d"], "images")


def test_a_task_that_does_not_suit_the_format(tree):
    with pytest.raises(ConfigError, match="image_classification is not learnt from csv"):
        found(tree("a.csv"), "a.csv", task=Task.IMAGE_CLASSIFICATION)


def test_nothing_there_names_the_closest(tree):
    root = tree("customers.csv")

    for source, said in (("custmers.csv", "does not exist"), ("custo-*.csv", "no file matches")):
        with pytest.raises(DataError, match=said) as caught:
            found(root, source)
        assert "customers.csv" in caught.value.hint
    with pytest.raises(DataError, match="holds no parquet file"):
        found(root, ".", data_format="parquet")
