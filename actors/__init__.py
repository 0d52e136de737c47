"""Embeddable, event-sourced actors."""

from actors._errors import Refused as Refused
