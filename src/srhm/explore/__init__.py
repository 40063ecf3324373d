"""A local page that shows one model: rules, a datum and its tree, what leaves its class, predictions (`explore`)."""

from .app import create_app, serve
from .state import State, read
from .walk import Step, Walk, walk

__all__ = ["State", "Step", "Walk", "create_app", "read", "serve", "walk"]
