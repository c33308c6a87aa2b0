"""`python -m fastnn`: what runs here."""

from .about import show_config

show_config()
