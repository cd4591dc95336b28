"""The command ``bursar``."""

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from bursar.config import sweeps, variables

if TYPE_CHECKING:
    from bursar.config.schedule import Beat

FAULT = 1
NOT_AVAILABLE = 2

Command = Callable[[argparse.Namespace], int]


class Stop(Exception):
    """The command ends with this message for people and this exit code."""

    def __init__(self, message: str, code: int = FAULT) -> None:
        super().__init__(message)
        self.code = code


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns 0 when it did what it promises, 1 after a fault, 2 if it cannot do that."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.run is None:
        parser.print_help()
        return 0
    try:
        if sentence := variables.find_unavailable(os.environ):
            raise Stop(sentence, NOT_AVAILABLE)
        run: Command = options.run
        return run(options)
    except Stop as stop:
        print(f"bursar: {stop}", file=sys.stderr)
        return stop.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bursar",
        description="Sponsored learning for Open edX: requests, licenses, customers, enrollments.",
        epilog="README.md lists the environment variables; `bursar doctor` checks them.",
    )
    parser.add_argument("--version", action="version", version=f"bursar {metadata.version('bursar')}")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(metavar="COMMAND")

    def add(name: str, run: Command, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, description=text, help=text)
        command.set_defaults(run=run)
        return command

    for name, run, text in (
        ("up", _up, "migrate, serve the web and do the background work; Ctrl-C stops all"),
        ("web", _web, "serve the web alone"),
    ):
        command = add(name, run, text)
        command.add_argument("--host", default="127.0.0.1", help="address to listen at (127.0.0.1)")
        command.add_argument("--port", type=_port, default=None, help="port to listen at (PORT, or 8000)")
    add("migrate", _migrate, "bring the database's schema up to date; several may try at once")
    command = add("load", _load, "load customers, people, courses and plans from a world file")
    command.add_argument("world", type=Path, metavar="WORLD.yaml")
    command = add("import-courses", _import_courses, "load an answer of the course-discovery API")
    command.add_argument("file", type=Path, metavar="FILE")
    command = add("token", _token, "print a JWT for a person: Authorization: JWT <what is printed>")
    command.add_argument("email", metavar="EMAIL")
    add("doctor", _doctor, "check settings, database, broker, bus and mail; a line each")
    command = add("worker", _worker, "do the background work that a broker hands out")
    command.add_argument("--concurrency", type=int, default=None, help="tasks at a time (one for each core)")
    add("beat", _beat, "wake workers up by the clock; one of these is enough")
    add("relay", _relay, "hand over events, without a broker; more than one may run, one works")
    add("background", _background, "do all background work without a broker: what `up` starts beside the web")
    add("consume", _consume, "read events from the event bus")
    for name, text in sweeps.COMMANDS.items():
        command = add(name, partial(_sweep, name), text)
        sweeps.add_arguments(name, command)
    command = add("manage", _manage, "run a management command of Django: bursar manage createsuperuser")
    command.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")
    command = add("help", lambda _: _print_help(parser), "list the commands")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text} is not a port (1 to 65535)")
    return int(text)


def _print_help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 0


# The web and the background work


def _up(options: argparse.Namespace) -> int:
    port = _use_port(options.port)
    _set_up()
    from django.conf import settings

    from bursar.config import supervise, web

    address = f"http://{_for_url(options.host)}:{port}"
    try:
        with supervise.only_one(settings.BURSAR_HOME, address):
            web.check_port(options.host, port, patience=2.0)
            _apply_migrations()
            _check_people()
            settings.LAST_PORT_FILE.write_text(str(port))
            print(f"Bursar is coming up at {address} (Ctrl-C stops it).", flush=True)
            arguments = ["web", "--host", options.host, "--port", str(port)]
            background = ["background"] if settings.IS_EMBEDDED else ["worker", "beat"]
            children = [supervise.Child(arguments, is_essential=True)]
            children += [supervise.Child([name]) for name in background]
            return supervise.Supervisor(children).run()
    except (supervise.AlreadyRunningError, web.ListenError) as error:
        raise Stop(str(error)) from error


def _web(options: argparse.Namespace) -> int:
    port = _use_port(options.port)
    _set_up()
    from bursar.config import web

    try:
        web.check_port(options.host, port)
    except web.ListenError as error:
        raise Stop(str(error)) from error
    _check_migrated()
    web.serve(options.host, port)
    return 0


def _worker(options: argparse.Namespace) -> int:
    _set_up_with_broker("worker")
    from bursar.config import lifeline
    from bursar.config.celery import app

    lifeline.follow()
    warnings.filterwarnings("ignore", module="celery.platforms")  # root is usual in a container
    # The workers need not know each other: all they share is the database.
    worker = app.Worker(concurrency=options.concurrency, quiet=True, without_gossip=True, without_mingle=True)
    worker.start()
    return int(worker.exitcode or 0)


def _beat(options: argparse.Namespace) -> int:
    _set_up_with_broker("beat")
    from bursar.config import lifeline
    from bursar.config.celery import app

    lifeline.follow()
    # The schedule lives in memory: a missed beat does no harm, and there is no file to go stale.
    app.Beat(loglevel="WARNING", scheduler_cls="celery.beat:Scheduler", quiet=True).run()
    return 0


def _background(options: argparse.Namespace) -> int:
    _set_up()
    _check_migrated()
    from bursar.config.schedule import SCHEDULE

    return _run_tasks(SCHEDULE)


def _relay(options: argparse.Namespace) -> int:
    _set_up()
    _check_migrated()
    from bursar.config.schedule import RELAY

    return _run_tasks([RELAY])


def _run_tasks(schedule: Sequence["Beat"]) -> int:
    from bursar.config import background, lifeline

    endings = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, endings)  # before the threads start, which inherit it
    lifeline.follow()
    work = background.Background(schedule)
    work.start()
    signal.sigwait(endings)
    work.stop()
    return 0


def _consume(options: argparse.Namespace) -> int:
    raise Stop("`bursar consume` is not available yet: the only event bus is the local one.", NOT_AVAILABLE)


# The database and what is in it


def _migrate(options: argparse.Namespace) -> int:
    _set_up()
    count = _apply_migrations()
    print(f"{count} migrations applied." if count else "Nothing to do: the schema is up to date.")
    return 0


def _load(options: argparse.Namespace) -> int:
    _set_up()
    _check_migrated()
    from bursar.config import world

    return _report(lambda: world.load(options.world))


def _import_courses(options: argparse.Namespace) -> int:
    _set_up()
    _check_migrated()
    from bursar.config import world

    return _report(lambda: world.import_courses(options.file))


def _report(work: Callable[[], object]) -> int:
    from bursar.config.world import WorldError

    try:
        with _database_answers():
            print(work())
    except WorldError as error:
        raise Stop(str(error)) from error
    except OSError as error:
        raise Stop(f"{error.filename}: {error.strerror}") from error
    return 0


def _token(options: argparse.Namespace) -> int:
    _set_up()
    from django.conf import settings

    if not settings.ISSUES_TOKENS:
        raise Stop(
            "Bursar issues no tokens with BURSAR_AUTH=openedx: ask the LMS for one, at "
            f"{settings.LMS_URL}/oauth2/access_token",
            NOT_AVAILABLE,
        )
    _check_migrated()
    from bursar.identity import api as identity
    from bursar.lib import emails
    from bursar.lib.errors import DomainError

    with _database_answers():
        person = identity.find_people_by_email([options.email]).get(emails.normalize(options.email))
        if person is None:
            raise Stop(f"nobody has the address {options.email}. `bursar load` and /register make accounts.")
        try:
            print(identity.issue_token(lms_user_id=person.lms_user_id))
        except DomainError as error:
            raise Stop(error.message) from error
    return 0


def _sweep(name: str, options: argparse.Namespace) -> int:
    _set_up()
    _check_migrated()
    with _database_answers():
        report = sweeps.run(name, options)
    print(*report.lines, sep="\n")
    return 0 if report.is_fine else FAULT


def _manage(options: argparse.Namespace) -> int:
    _set_up()
    from django.core.management import execute_from_command_line

    execute_from_command_line(["bursar manage", *options.arguments])
    return 0


def _doctor(options: argparse.Namespace) -> int:
    try:
        _set_up()
    except Stop as stop:
        print(f"fault  {'settings':12} {stop}")
        return FAULT
    from bursar.config import doctor

    is_faulty = False
    for finding in doctor.examine():
        print(f"{finding.verdict:6} {finding.subject:12} {finding.detail}", flush=True)
        is_faulty |= finding.verdict == doctor.FAULT
    return FAULT if is_faulty else 0


# What the commands share


def _use_port(port: int | None) -> int:
    """The port to use, which links in mails name, too: the settings read it from PORT."""
    text = os.environ.get("PORT", "") or "8000"
    if port is None:
        try:
            port = _port(text)
        except argparse.ArgumentTypeError as error:
            raise Stop(f"PORT: {error}") from error
    os.environ["PORT"] = str(port)
    return port


def _for_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _set_up() -> None:
    """Reads the settings and loads all apps."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bursar.config.settings")
    import django
    from django.core.exceptions import ImproperlyConfigured

    try:
        django.setup()
    except (ImproperlyConfigured, ValueError, OSError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise Stop(f"the settings are wrong: {lines[0]}") from error


def _set_up_with_broker(name: str) -> None:
    _set_up()
    from django.conf import settings

    if settings.IS_EMBEDDED:
        raise Stop(f"`bursar {name}` needs BURSAR_BROKER_URL. Without a broker there is `bursar background`.")
    _check_migrated()


@contextmanager
def _database_answers() -> Iterator[None]:
    from django.db import DatabaseError

    try:
        yield
    except DatabaseError as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise Stop(f"the database refuses: {lines[0]}") from error


def _apply_migrations() -> int:
    from bursar.config import schema

    with _database_answers():
        try:
            return schema.migrate()
        except schema.SchemaError as error:
            raise Stop(str(error)) from error


def _check_migrated() -> None:
    from bursar.config import schema

    with _database_answers():
        try:
            schema.check_migrated()
        except schema.SchemaError as error:
            raise Stop(str(error)) from error
    _check_people()


def _check_people() -> None:
    from bursar.config import people

    with _database_answers():
        if sentence := people.find_mix_up():
            raise Stop(sentence)


if __name__ == "__main__":
    sys.exit(main())
