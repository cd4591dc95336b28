"""The Django admin of licenses, for the people who support customers.

Seats change through the rules alone: what touches them has a page or an action that calls the service, after
it has shown what that would do. Who may look and who may act is for Django's permissions to say.
"""

from bursar.licenses.admin import agreements, licenses, plans

__all__ = ["agreements", "licenses", "plans"]
