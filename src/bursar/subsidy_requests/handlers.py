"""What subsidy_requests does when something happens elsewhere."""

from bursar.subsidy_requests.service.closing import close_dead, close_fulfilled, close_refused

__all__ = ["close_dead", "close_fulfilled", "close_refused"]
