"""Which versions a cluster's releases know: published, withdrawn, and files that are to be removed."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from estafet.errors import DataError
from estafet.release import Release
from serving.targets.protocol import Memory

VERSIONS_FILE = "versions.json"


class Known(BaseModel):
    """The versions, with what each says of itself.

    Attributes:
        published: Those that are or may be served; the newest is.
        withdrawn: Those that were taken back.
        debris: Numbers whose files are no version: of a release on its way, or that was killed, or pruned.
        highest: The highest number that was ever taken. None is taken twice: a server remembers of a number that it
            did not load.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    published: Mapping[int, Release] = {}
    withdrawn: Mapping[int, Release] = {}
    debris: tuple[int, ...] = ()
    highest: int = 0

    @classmethod
    def of(cls, memory: Memory) -> Known:
        """Read it; nothing is known where nothing was released.

        Raises:
            DataError: It cannot be understood.
        """
        try:
            found = memory.read(VERSIONS_FILE)
            return cls() if found is None else cls.model_validate(found)
        except ValueError as error:
            raise DataError(
                f"the list of versions '{memory.where(VERSIONS_FILE)}' cannot be understood: "
                f"{str(error).splitlines()[0]}.",
                hint="another version of Estafet wrote it, or it is damaged; look at it with kubectl.",
            ) from error

    def save(self, memory: Memory) -> None:
        """Write it."""
        memory.write(VERSIONS_FILE, self.model_dump(mode="json"))

    def newest(self) -> int | None:
        """Return the number of the newest published version, or None."""
        return max(self.published, default=None)

    def littering(self, *numbers: int) -> Known:
        """Return it with files of these numbers that are no versions, or no longer."""
        return Known(
            published={number: each for number, each in self.published.items() if number not in numbers},
            withdrawn={number: each for number, each in self.withdrawn.items() if number not in numbers},
            debris=tuple(sorted({*self.debris, *numbers})),
            highest=max(self.highest, *numbers),
        )

    def publishing(self, number: int, release: Release) -> Known:
        """Return it with this version published."""
        return Known(
            published={**self.published, number: release},
            withdrawn={each: about for each, about in self.withdrawn.items() if each != number},
            debris=tuple(each for each in self.debris if each != number),
            highest=max(self.highest, number),
        )

    def withdrawing(self, number: int) -> Known:
        """Return it with this version withdrawn."""
        published = {each: about for each, about in self.published.items() if each != number}
        withdrawn = {**self.withdrawn, number: self.published[number]}
        return self.model_copy(update={"published": published, "withdrawn": withdrawn})
