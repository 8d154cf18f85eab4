"""Catalogs that break one promise each, to prove that the laws can fail. Never an example of how to do it."""

from . import catalogs, manifest, persistence, writers
from .registry import OWN_LAW, Shared, harness_for

__all__ = ["OWN_LAW", "Shared", "catalogs", "harness_for", "manifest", "persistence", "writers"]
