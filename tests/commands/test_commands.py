"""The commands, as an operator types them."""

import os
import shutil
import socket
import sqlite3
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bursar.config import cli, sweeps
from tests.countries import write_country_database
from tests.processes import BURSAR, Installation

pytestmark = [pytest.mark.slow, pytest.mark.once]

WORLD = "demo/acme.yaml"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory, migrated_home):
    """An installation with the demo world in it, which the tests here only read."""
    home = tmp_path_factory.mktemp("loaded")
    installation = Installation(Path(shutil.copytree(migrated_home, home, dirs_exist_ok=True)))
    first = installation.run("load", WORLD)
    assert first.returncode == 0, first.stderr
    return installation


def test_help_lists_every_command_of_the_design(install):
    shown = install().run("help")

    listed = {line.split()[0] for line in shown.stdout.splitlines() if line.startswith("    ")}
    assert listed >= {"up", "web", "migrate", "load", "import-courses", "token", "doctor", "manage"}
    assert listed >= {"worker", "beat", "relay", "consume", "background", *sweeps.COMMANDS}
    assert install().run().stdout == shown.stdout


def test_the_version_is_printed(install):
    assert install().run("--version").stdout.startswith("bursar ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BURSAR_SERVE", "licenses"),
        ("BURSAR_REMOTE_CATALOG", "http://catalog.test"),
        ("BURSAR_EVENT_BUS", "kafka://broker.test"),
    ],
)
@pytest.mark.parametrize("command", ["up", "doctor", "migrate"])
def test_what_is_not_available_yet_is_said_by_every_command(install, name, value, command):
    refused = install().run(command, **{name: value})

    assert refused.returncode == 2
    assert name in refused.stderr
    assert "not available yet" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_consuming_from_a_bus_is_not_available_yet(install):
    refused = install().run("consume")

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "bursar consume" in refused.stderr


def test_defaults_that_are_written_out_are_accepted(install):
    settings = {"BURSAR_SERVE": "all", "BURSAR_AUTH": "embedded", "BURSAR_EVENT_BUS": "local"}

    assert install().run("migrate", **settings).returncode == 0


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"DATABASE_URL": "oracle://x/y"}, "DATABASE_URL must begin with"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL must begin with"),
        ({"DATABASE_URL": "postgres://u:p@h:port/db"}, "DATABASE_URL"),
        ({"PORT": "http"}, "PORT"),
        ({"BURSAR_HOME": "/dev/null/home"}, "/dev/null/home"),
        ({"BURSAR_ENROLLMENT_RATE": "often"}, "BURSAR_ENROLLMENT_RATE: often is no rate"),
        ({"BURSAR_ENROLLMENT_RATE": "0/minute"}, "BURSAR_ENROLLMENT_RATE: 0/minute is no rate"),
        ({"BURSAR_ENROLLMENT_STAFF_RATE": "120/moon"}, "BURSAR_ENROLLMENT_STAFF_RATE"),
        ({"BURSAR_UNLINK_EXPIRED_LEARNERS_AFTER": "-1"}, "BURSAR_UNLINK_EXPIRED_LEARNERS_AFTER: -1 is no"),
        ({"BURSAR_GEOIP_DATABASE": "/dev/null"}, "BURSAR_GEOIP_DATABASE"),
        ({"BURSAR_GEOIP_DATABASE": "nowhere.mmdb"}, "BURSAR_GEOIP_DATABASE"),
        ({"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"}, "the database refuses"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(install, settings, reason):
    refused = install().run("migrate", **settings)

    assert refused.returncode == 1
    assert reason in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["web", "background", "relay"])
def test_no_work_begins_before_the_migrations(install, command):
    refused = install().run(command)

    assert refused.returncode == 1
    assert "bursar migrate" in refused.stderr


@pytest.mark.parametrize("command", ["worker", "beat"])
def test_a_worker_needs_a_broker(install, command):
    refused = install().run(command)

    assert refused.returncode == 1
    assert "BURSAR_BROKER_URL" in refused.stderr


@pytest.mark.parametrize("database", ["sqlite", "postgres", "mariadb"])
def test_replicas_may_migrate_at_the_same_time(install, database):
    installation = install(database)
    running = [
        subprocess.Popen(
            [*BURSAR, "migrate"],
            env=installation.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]

    results = [process.communicate(timeout=180) for process in running]

    assert [process.returncode for process in running] == [0, 0, 0], results
    said = sorted(stdout for stdout, _ in results)
    assert said[1:] == ["Nothing to do: the schema is up to date.\n"] * 2
    assert "migrations applied" in said[0]


def test_a_world_loaded_twice_changes_nothing_and_says_so(loaded):
    again = loaded.run("load", WORLD)

    assert again.returncode == 0, again.stderr
    assert again.stdout.strip()


def test_a_world_that_is_not_there_is_one_line(loaded):
    refused = loaded.run("load", "nowhere.yaml")

    assert refused.returncode == 1
    assert "nowhere.yaml" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_world_with_a_mistake_is_refused_with_its_place(loaded, tmp_path):
    world = tmp_path / "world.yaml"
    world.write_text("customers:\n  - {name: Initech, slogan: more}\n")

    refused = loaded.run("load", str(world))

    assert refused.returncode == 1
    assert "customers[0]" in refused.stderr


def test_courses_are_imported_from_a_discovery_answer(loaded):
    imported = loaded.run("import-courses", "demo/discovery_courses.json")

    assert imported.returncode == 0, imported.stderr
    assert imported.stdout.strip()


def test_a_token_is_all_that_is_printed(loaded):
    shown = loaded.run("token", " Alice@Acme.test")

    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count(".") == 2
    assert len(shown.stdout.split()) == 1


def test_an_unknown_address_gets_no_token(loaded):
    refused = loaded.run("token", "nobody@acme.test")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "nobody@acme.test" in refused.stderr


def test_the_doctor_finds_a_sound_installation_sound(loaded):
    examined = loaded.run("doctor")

    assert examined.returncode == 0, examined.stdout + examined.stderr
    assert all(line.startswith("ok ") for line in examined.stdout.splitlines())


def test_the_doctor_says_how_old_the_countries_are(loaded, tmp_path):
    examined = loaded.run("doctor", BURSAR_GEOIP_DATABASE=str(write_country_database(tmp_path)))

    assert examined.returncode == 0, examined.stdout + examined.stderr
    assert f"ok     countries    GeoLite2-Country, made on {datetime.now(UTC).date()}" in examined.stdout


def test_the_doctor_names_slips_of_the_finger(loaded):
    examined = loaded.run("doctor", BURSAR_PUBLIK_URL="https://bursar.test")

    assert examined.returncode == 0
    assert "warn   settings     BURSAR_PUBLIK_URL" in examined.stdout


def test_the_doctor_says_how_to_make_a_new_database_ready(install):
    examined = install().run("doctor")

    assert examined.returncode == 1
    assert "bursar migrate" in examined.stdout


def test_the_doctor_finds_what_does_not_answer(install):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        examined = install().run(
            "doctor",
            DATABASE_URL=f"postgres://me:secret@127.0.0.1:{port}/bursar",
            BURSAR_BROKER_URL=f"redis://:secret@127.0.0.1:{port}/0",
            EMAIL_URL=f"smtp://me:secret@127.0.0.1:{port}",
            BURSAR_PUBLIC_URL="https://bursar.example.test",
        )

    faults = {line.split()[1] for line in examined.stdout.splitlines() if line.startswith("fault")}
    assert examined.returncode == 1
    assert faults == {"database", "broker", "mail"}
    assert "BURSAR_ALLOWED_HOSTS lacks bursar.example.test" in examined.stdout
    assert "secret@" not in examined.stdout


def test_the_doctor_names_settings_that_are_wrong(install):
    examined = install().run("doctor", DATABASE_URL="nonsense")

    assert examined.returncode == 1
    assert examined.stdout.startswith("fault")


@pytest.mark.parametrize("database", ["postgres", "mariadb"])
def test_the_doctor_knows_real_databases(install, database):
    installation = install(database)
    installation.run("migrate")

    examined = installation.run("doctor")

    assert examined.returncode == 0, examined.stdout
    assert "isolation read" in examined.stdout.lower()


def test_commands_of_django_pass_through(install):
    installation = install(is_migrated=True)

    shown = installation.run("manage", "check", "--deploy", "--fail-level", "ERROR")

    assert shown.returncode == 0, shown.stderr
    with sqlite3.connect(installation.home / "bursar.sqlite3") as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_keys_are_made_for_nobody_else_to_read(install):
    installation = install(is_migrated=True)

    modes = {path.name: os.stat(path).st_mode & 0o777 for path in (installation.home / "keys").iterdir()}

    assert modes
    assert set(modes.values()) == {0o600}


def test_main_returns_the_exit_code(capsys):
    assert cli.main(["help"]) == 0
    assert cli.main(["consume"]) == 2
    assert "not available yet" in capsys.readouterr().err
