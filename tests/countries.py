"""A database of countries, made for a test."""

from collections.abc import Mapping
from pathlib import Path

from mmdb_writer import MMDBWriter
from netaddr import IPSet

KOREAN = "175.45.176.9"
BRITISH = "81.2.69.142"
JAPANESE = "2001:218::9"
EUROPEAN = "89.160.20.112"
"""Of this address the database knows the continent alone."""
UNKNOWN = "8.8.8.8"

RECORDS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "175.45.176.0/22": {"country": {"iso_code": "KP"}, "registered_country": {"iso_code": "CN"}},
    "81.2.69.0/24": {"country": {"iso_code": "GB"}, "continent": {"code": "EU"}},
    "2001:218::/32": {"country": {"iso_code": "JP"}},
    "89.160.20.0/24": {"continent": {"code": "EU"}},
}


def write_country_database(folder: Path, kind: str = "GeoLite2-Country", ip_version: int = 6) -> Path:
    """Writes the records above into a new file of MaxMind's format."""
    writer = MMDBWriter(ip_version=ip_version, ipv4_compatible=ip_version == 6, database_type=kind)
    for network, record in RECORDS.items():
        if ip_version == 6 or ":" not in network:
            writer.insert_network(IPSet([network]), record)
    path = folder / f"{kind}-{ip_version}.mmdb"
    writer.to_db_file(str(path))
    return path
