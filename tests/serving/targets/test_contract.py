"""What every target does alike, on its own kind of servers: versions, papers, the way back, memory and lock."""

from __future__ import annotations

import pytest

from estafet.errors import DataError, ServiceUnavailable
from estafet.release import Release
from serving.targets.history import History
from serving.targets.journal import Journal, Stage, begin, locked
from serving.targets.local import LocalTarget
from serving.targets.opening import open_target
from serving.targets.protocol import Target

from .cluster.conftest import (  # noqa: F401 - fixtures
    api,
    impatient,
    kubeconfig,
    light_release,
    models_dir,
    playing,
    role,
    settings,
    speaking_as,
)
from .cluster.playing_kserve import LightPredictor, PlayingKServe


@pytest.fixture(params=["local", "tensorflow-serving", "kserve"])
def open_(request, models_dir, monkeypatch):  # noqa: F811
    """Return a function that opens a target of each kind, as another process would."""
    if request.param == "local":
        yield lambda: LocalTarget(models_dir, "toy")
        return
    chosen = request.getfixturevalue("settings").model_copy(update={"target": request.param})
    request.getfixturevalue("kubeconfig")
    if request.param == "kserve":
        monkeypatch.setattr(LightPredictor, "claims", {"models": models_dir}, raising=False)
        with PlayingKServe(speaking_as(request.getfixturevalue("api").url, "admin")):
            yield lambda: open_target(chosen, models_dir, "toy")
    else:
        request.getfixturevalue("playing")
        yield lambda: open_target(chosen, models_dir, "toy")


def publish(target: Target, servable, wanted: int | None = None) -> int:
    with target.stage(servable) as staged:
        assert (staged.models_dir / "toy" / "1") == staged.version_dir
        staged.sync()
        return staged.publish(wanted)


class TestTarget:
    """The contract."""

    def test_before_the_first_release_there_is_nothing(self, open_):
        target = open_()

        assert not target.exists()
        assert (dict(target.versions()), dict(target.withdrawn()), target.newest()) == ({}, {}, None)
        assert (target.papers(1), target.marker(), target.next_number()) == (None, None, 1)

    def test_a_version_is_there_with_its_papers_when_it_is_published(self, open_, light_release):  # noqa: F811
        target, second = open_(), light_release("b")
        with locked(target):
            assert publish(target, light_release("a")) == 1
            assert publish(target, second, wanted=7) == 7
            assert publish(target, light_release("c"), wanted=3) == 8

        assert list(open_().versions()) == [8, 7, 1]
        assert open_().newest()[0] == 8
        assert open_().papers(7).fingerprint == Release.load(second).fingerprint
        assert open_().exists()

    def test_what_is_not_published_leaves_nothing(self, open_, light_release):  # noqa: F811
        target = open_()
        with locked(target):
            with target.stage(light_release("a")) as staged:
                folder = staged.output_dir

        assert not folder.exists()
        assert dict(open_().versions()) == {}

    def test_there_must_be_something_to_publish(self, open_, tmp_path):
        target = open_()
        with locked(target), pytest.raises(DataError, match="there is no model in"):
            target.stage(tmp_path / "nothing")

    def test_a_version_is_taken_back_and_brought_back(self, open_, light_release):  # noqa: F811
        target = open_()
        with locked(target):
            publish(target, light_release("a"))
            publish(target, light_release("b"))
            target.withdraw(2)
            target.withdraw(2)
            target.settle(is_back=True)
            back = list(target.versions()), list(target.withdrawn()), target.next_number("2")
            target.restore(2)
            target.restore(2)
            target.settle()

        assert back == ([1], [2], 3)
        assert (list(open_().versions()), list(open_().withdrawn())) == ([2, 1], [])
        assert open_().papers(2) is not None

    def test_the_oldest_are_removed_of_both_kinds(self, open_, light_release):  # noqa: F811
        target = open_()
        with locked(target):
            for note in "abcd":
                publish(target, light_release(note))
            target.withdraw(3)
            target.withdraw(4)
            target.settle(is_back=True)

            assert sorted(target.prune(1)) == [1, 3]

        assert (list(open_().versions()), list(open_().withdrawn())) == ([2], [4])
        assert open_().next_number() == 5

    def test_a_canary_is_told_and_ended(self, open_, light_release):  # noqa: F811
        target = open_()
        with locked(target):
            publish(target, light_release("a"))
            told = target.begin_canary(stable=1, tried=2, share=0.25)
            publish(target, light_release("b"))
            seen = open_().marker()
            target.settle()

        assert seen == told
        assert (told.stable, told.canary, told.share) == (1, 2, 0.25)
        assert open_().marker() is None

    def test_memory_outlives_who_wrote_it(self, open_):
        with locked(open_()) as journal:
            entry = journal.enter(begin("estafet run", stage=Stage.TESTING, previous=3))

        assert Journal(open_().memory).read() == entry
        with locked(open_()) as journal:
            journal.close()
            journal.close()
        assert Journal(open_().memory).read() is None
        assert History(open_()).versions == {}

    def test_one_release_at_a_time(self, open_):
        with locked(open_()):
            with pytest.raises(ServiceUnavailable, match=r"another release of 'toy' is going on \(.*process"):
                with locked(open_()):
                    pass
        with locked(open_()):
            pass
