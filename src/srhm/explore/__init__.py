"""A local page that shows one model: rules, a sample and its tree, what leaves its class, predictions (`explore`)."""

from .app import create_app

__all__ = ["create_app"]
