"""The `tune` section: how hyperparameters are searched on a subsample, and how it is proved that this was enough."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from estafet.runfile.optimise import Choose, Constraint, Objective, parse_constraint
from estafet.runfile.section import Section
from estafet.runfile.space import Range
from estafet.runfile.study_storage import misfit_of_storage


class Subsample(Section):
    """The slice of the training split that trials learn from. `subsample: 0.2` is short for `{share: 0.2}`."""

    share: float | Literal["auto"] = 0.2
    """Share of the training split, above 0 up to 1; `subsample: 0.2` is short for it. `auto` begins with a tenth, and
    doubles it where the proof says that it was too small."""
    by: Literal["auto", "newest", "stratified", "random"] = "auto"
    """Which examples: the newest; a part of each class; or a part of all, drawn by the seed. `auto` is the newest for
    forecasting, stratified for classification, and random for regression."""

    @model_validator(mode="before")
    @classmethod
    def _long_form(cls, value: Any) -> Any:
        """Take a share for the mapping that it is short for."""
        return value if isinstance(value, dict | Subsample) else {"share": value}

    @model_validator(mode="after")
    def _is_a_share(self) -> Subsample:
        if self.share != "auto" and not 0 < self.share <= 1:
            raise ValueError(f"the share must be above 0 and at most 1, or auto, not {self.share:g}")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Let editors accept the short forms too."""
        long_form = handler.resolve_ref_schema(handler(schema))
        share = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
        return {"anyOf": [{"const": "auto"}, share, dict(long_form)]}


class Rung(Section):
    """A stage of a trial, on a part of the slice; a trial that is not pruned goes on to the next rung."""

    share: float = Field(1.0, gt=0, le=1)
    """Share of the slice that the trial learns from on this rung."""
    epochs: int = Field(..., ge=1)
    """Number of epochs on this rung. Weights begin anew on a rung with another share."""


class Proof(Section):
    """Trains the best trials, and some from the middle, again on more data, and lets the best of those win."""

    enabled: bool = True
    """Whether the slice's choice is proved; without it, the slice's own best wins. `proof: false` is short for it."""
    best: int = Field(5, ge=1)
    """Number of trials from the top."""
    middle: int = Field(5, ge=0)
    """Number of trials spread over the rest: without them, nothing would tell whether the slice ranks rightly."""
    share: float = Field(1.0, gt=0, le=1)
    """Share of the training split that they learn from."""
    epochs: int | None = Field(None, ge=1)
    """Number of epochs of those that come furthest. Where it is not given: `tune.epochs`, or with halving a third of
    them, since an epoch of all data has the steps of several on the slice."""
    halving: bool = True
    """Whether a trial ends as soon as one before it was better after as many epochs, so that all are compared early and
    only the best late."""


def _one_is_a_list(value: Any) -> Any:
    """Take one objective for the list that it is short for."""
    return [value] if isinstance(value, dict | Objective) else value


def _on_or_off(value: Any) -> Any:
    """Take true or false for the mapping that it is short for."""
    return {"enabled": value} if isinstance(value, bool) else value


class Tune(Section):
    """How hyperparameters are searched on a subsample, and how it is proved that this was enough."""

    enabled: bool = True
    """Whether to tune at all; without it, `train` uses the model's defaults and `model.hyperparameters`."""
    trials: int = Field(12, ge=1)
    """Number of configurations to try."""
    hours: float | None = Field(None, gt=0)
    """Hours after which no new trial begins, if `trials` are not done before."""
    subsample: Subsample = Subsample()
    """The slice of the training split that trials learn from."""
    epochs: int = Field(5, ge=1)
    """Number of epochs of each trial."""
    rungs: tuple[Rung, ...] = ()
    """In place of `epochs`: stages that begin with less of the slice, so that a hopeless trial ends sooner."""
    batch_size: int = Field(32, ge=1)
    """Batch size of the trials, unless it is searched."""
    search: Literal["auto", "grid", "random", "staged", "tpe", "gp"] = "auto"
    """How the next configuration is chosen. `auto`: the grid where it is no larger than `trials`; `staged` where there
    are many hyperparameters; else `tpe`. `staged`: at random, then within the region of the best quarter."""
    space: dict[str, Range] = Field(default_factory=dict)
    """Hyperparameters and their ranges; where it is empty, those that the model suggests."""
    optimise: Annotated[
        tuple[Objective, ...],
        BeforeValidator(_one_is_a_list, json_schema_input_type=Objective | tuple[Objective, ...]),
    ] = ()
    """What is optimised; the task's validation loss where nothing is said. Several with weights are added up, several
    without give a Pareto front, from which `choose` picks."""
    choose: Choose | None = None
    """For a Pareto front: which of its points wins."""
    satisfy: tuple[str, ...] = ()
    """What the winner must keep to, such as `latency_ms <= 5` or `parameters <= 1e6`."""
    pruner: Literal["auto", "percentile", "median", "halving", "hyperband", "none"] = "auto"
    """How hopeless trials are ended early. `auto` is the percentile: a trial ends that is worse than the best quarter
    of those before it. `halving`: at each rung, the worse half ends."""
    workers: int = Field(1, ge=1)
    """Number of processes that train trials at once."""
    storage: str | None = None
    """Where the study is kept: `sqlite:///FILE`, or `postgresql://USER@HOST/DATABASE` for several machines, with the
    password in `PGPASSWORD` or `~/.pgpass`; a journal in the step's own folder where it is not given."""
    study: str | None = None
    """The study's name in `storage`; made of the data set's version and the settings where it is not given."""
    warm_start: str | None = None
    """The study of an earlier version of the data, to learn from: a `study.json`, or the folder that holds it."""
    proof: Annotated[Proof, BeforeValidator(_on_or_off, json_schema_input_type=bool | Proof)] = Proof()
    """How the slice's choice is proved."""
    seed: int = Field(0, ge=0)
    """Seed of the sampler, of each trial and of a random slice."""

    @field_validator("storage")
    @classmethod
    def _is_a_place_for_studies(cls, value: str | None) -> str | None:
        if value is not None and (found := misfit_of_storage(value)):
            raise PydanticCustomError("misfit", "{message}", {"message": found.message, "hint": found.hint})
        return value

    @model_serializer(mode="wrap")
    def _epochs_or_rungs(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the epochs that rungs stand in place of, so that what was written can be read again."""
        told = handler(self)
        if self.rungs:
            told.pop("epochs", None)
        return told

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """What `satisfy` says."""
        return tuple(parse_constraint(text) for text in self.satisfy)

    @property
    def is_front(self) -> bool:
        """Whether several objectives stand side by side, and give a Pareto front."""
        return len(self.optimise) > 1 and self.optimise[0].weight is None

    @model_validator(mode="after")
    def _fits_together(self) -> Tune:
        _ = self.constraints
        named = [objective.metric for objective in self.optimise]
        if len(named) > 1 and len({objective.weight is None for objective in self.optimise}) > 1:
            raise ValueError("give a weight for each of the metrics in optimise, or for none")
        if len(set(named)) < len(named):
            raise ValueError(f"each metric in optimise may stand there once ({', '.join(named)})")
        if self.choose and (not self.is_front or self.choose.metric not in named):
            raise ValueError("choose is for several metrics in optimise without weights, and names one of them")
        if self.study and not self.storage:
            raise ValueError("study is the name of a study in storage; give storage too")
        if self.rungs and "epochs" in self.model_fields_set:
            raise ValueError("give either epochs or rungs, not both")
        if any(b.share < a.share for a, b in zip(self.rungs, self.rungs[1:], strict=False)):
            raise ValueError("rungs must not shrink the share")
        return self
