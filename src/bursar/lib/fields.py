"""Model fields that compare exactly on every database."""

from typing import Any, TypeVar

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from bursar.lib import emails

_BINARY_ON_MYSQL = "utf8mb4_bin"

# What may be assigned and what is read: django-stubs fills them in, with None for nullable columns.
_ST = TypeVar("_ST", contravariant=True)
_GT = TypeVar("_GT", covariant=True)


class ExactCharField(models.CharField[_ST, _GT]):
    """Text that is a key: on MariaDB and MySQL it gets a binary collation.

    Their default collation takes ``josé`` for ``jose`` and ``A`` for ``a``; SQLite and
    PostgreSQL compare exactly by themselves.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, str | None]:
        parameters: dict[str, Any] = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = _BINARY_ON_MYSQL
        return parameters


class AddressField(ExactCharField[_ST, _GT]):
    """An e-mail address in its normalized form (``lib.emails.normalize``)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", emails.MAX_LENGTH)
        super().__init__(*args, **kwargs)


class CourseKeyField(ExactCharField[_ST, _GT]):
    """A course key (``Org+Course``) or a course run key (``course-v1:Org+Course+Run``)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 255)
        super().__init__(*args, **kwargs)
