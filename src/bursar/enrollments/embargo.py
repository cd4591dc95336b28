"""Embargo: nobody enrolls in a run from a country that is closed to it.

Countries come from a database file of MaxMind's format (``GEOIP_DATABASE``); without one none is known.
"""

from collections.abc import Collection, Sequence
from functools import cache
from ipaddress import ip_address
from threading import Lock

import maxminddb
from django.conf import settings

from bursar.catalog.data import Run

_KINDS = ("Country", "City", "Enterprise")
"""What databases are called that have ``country.iso_code``; in others nobody would ever be found."""

_opening = Lock()


def open_database(path: str) -> maxminddb.Reader:
    """A reader of this file, which is mapped into memory; threads may share it.

    Raises OSError when there is no such file, and InvalidDatabaseError when it has no countries to tell.
    """
    reader = maxminddb.open_database(path)
    kind = reader.metadata().database_type
    if not any(word in kind for word in _KINDS):
        reader.close()
        raise maxminddb.InvalidDatabaseError(f"{path} is a database of the kind {kind}: it has no countries")
    return reader


def countries_of(addresses: Sequence[str]) -> frozenset[str]:
    """The countries of these addresses: ISO codes, upper case.

    What is no address, and addresses that the database doesn't know, or whose continent alone it
    knows, add none. More addresses never give fewer countries. No queries.
    """
    reader = _reader()
    if reader is None:
        return frozenset()
    found = (_country_of(reader, address) for address in addresses)
    return frozenset(country for country in found if country)


def is_blocked(run: Run, countries: Collection[str]) -> bool:
    """Whether the run is closed to any of these countries (ISO codes, in either case)."""
    blocked = {country.upper() for country in run.blocked_countries}
    return any(country.upper() in blocked for country in countries)


def _country_of(reader: maxminddb.Reader, address: str) -> str | None:
    try:
        record = reader.get(ip_address(address))
    except ValueError:  # no address, or one of IPv6 where the database has IPv4 alone
        return None
    # Where the address is, as the LMS takes it; not `registered_country`, which is whose network it is.
    country = record.get("country") if isinstance(record, dict) else None
    code = country.get("iso_code") if isinstance(country, dict) else None
    return code.upper() if isinstance(code, str) else None


def _reader() -> maxminddb.Reader | None:
    """The one reader of this process; the first who asks opens it."""
    if not settings.GEOIP_DATABASE:
        return None
    with _opening:
        return _open_once(settings.GEOIP_DATABASE)


_open_once = cache(open_database)
