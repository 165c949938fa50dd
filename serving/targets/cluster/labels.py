"""Labels and annotations by which releases find what is theirs."""

from __future__ import annotations

MANAGED_BY = "app.kubernetes.io/managed-by"
OWNED = {MANAGED_BY: "estafet"}
MODEL = "app.kubernetes.io/name"
TRACK = "estafet/track"
"""Which servers a pod belongs to: those of the served version, or those of a canary."""
STABLE, CANARY = "stable", "canary"
TEMPLATE = "estafet/template"
"""Annotation of pods: the digest of what they are made of, by which new ones are told from those that they replace."""
VERSION = "estafet/version"
"""Annotation: the version that is served."""


def of_model(name: str) -> dict[str, str]:
    """Return the labels of everything that belongs to a model."""
    return {**OWNED, MODEL: name}


def of_track(name: str, track: str) -> dict[str, str]:
    """Return the labels of the servers of one version of a model."""
    return {**of_model(name), TRACK: track}
