"""World files for the tests of ``bursar load``."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from bursar.config import world

ROOT = Path(__file__).parents[2]
ACME_FILE = ROOT / "demo" / "acme.yaml"
DISCOVERY_FILE = ROOT / "demo" / "discovery_courses.json"

PYTHON = "MITx+6.00.1x"
PYTHON_RUN = "course-v1:MITx+6.00.1x+2T2026"
ACME = "11111111-1111-4111-8111-111111111111"
ACME_CATALOG = "11111111-aaaa-4aaa-8aaa-111111111111"
ACME_PLAN = "11111111-0001-4001-8001-111111111111"

Load = Callable[..., world.Report]


def small_world() -> dict:
    """One customer with one of everything."""
    return {
        "courses": [
            {
                "key": PYTHON,
                "title": "Python",
                "partners": [{"key": "MITx", "name": "MIT"}],
                "advertised_run": PYTHON_RUN,
                "runs": [
                    {
                        "key": PYTHON_RUN,
                        "start": "-10d",
                        "end": "+90d",
                        "modes": [
                            {"slug": "audit", "price_cents": 0},
                            {"slug": "verified", "price_cents": 14900, "expires": "+60d"},
                        ],
                    }
                ],
            }
        ],
        "users": [
            {"email": "bob@acme.test", "username": "bob", "name": "Bob", "password": "demo"},
            {"email": "dana@acme.test", "username": "dana", "lms_user_id": 12},
        ],
        "service_accounts": [
            {"client_id": "worker", "client_secret": "secret", "username": "worker", "roles": []}
        ],
        "customers": [
            {
                "uuid": ACME,
                "name": "Acme",
                "slug": "acme",
                "contact_email": "learning@acme.test",
                "catalogs": [{"uuid": ACME_CATALOG, "title": "Python", "courses": [PYTHON]}],
                "admins": ["bob@acme.test"],
                "learners": ["dana@acme.test", "new@acme.test"],
                "plans": [
                    {
                        "uuid": ACME_PLAN,
                        "title": "Acme 2026",
                        "catalog": ACME_CATALOG,
                        "start": "-90d",
                        "expiration": "+1y",
                        "licenses": 3,
                        "assigned": ["new@acme.test"],
                        "activated": ["bob@acme.test"],
                        "revoked": ["gone@acme.test"],
                    }
                ],
                "requests": {
                    "enabled": True,
                    "subsidy_type": "license",
                    "open": [{"email": "dana@acme.test", "course": PYTHON}],
                },
                "enrollments": [{"email": "dana@acme.test", "run": PYTHON_RUN, "mode": "audit"}],
            }
        ],
    }


@pytest.fixture
def load(tmp_path: Path, db: None) -> Load:
    """Loads a world given as data or as text."""
    path = tmp_path / "world.yaml"

    def load_world(wanted: object) -> world.Report:
        path.write_text(wanted if isinstance(wanted, str) else yaml.safe_dump(wanted, allow_unicode=True))
        return world.load(path)

    return load_world


@pytest.fixture
def refuse(load: Load) -> Callable[[object], list[str]]:
    """Loads a world that must be refused and returns ``path: reason`` of each problem."""

    def refuse_world(wanted: object) -> list[str]:
        with pytest.raises(world.WorldError) as refused:
            load(wanted)
        return [f"{path}: {reason}" if path else reason for path, reason in refused.value.problems]

    return refuse_world
