"""What licenses does when something happens elsewhere."""

from bursar.licenses.service.assignment import fulfil_approvals

__all__ = ["fulfil_approvals"]
