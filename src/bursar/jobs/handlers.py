"""Reactions of jobs to what happens elsewhere; config/reactions.py lists them."""

from bursar.jobs.people import FORGET_RETIRED_PEOPLE, forget_retired_people

__all__ = ["FORGET_RETIRED_PEOPLE", "forget_retired_people"]
