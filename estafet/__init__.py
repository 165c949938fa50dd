"""Estafet: one run file takes raw data to a model that is served and watched."""

__version__ = "0.1.0"
