"""Where a request comes from, as far as its headers and its connection tell."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from django.http import HttpRequest
from rest_framework.request import Request

Address = IPv4Address | IPv6Address


def client_addresses(request: HttpRequest | Request) -> list[str]:
    """Every address that the request has passed, once each: the forwarded chain, then the connection's own.

    What is no address is left out. A caller may add to the beginning of the chain whatever they like,
    and behind a proxy as in docs/operating.md takes nothing out of it: good for a rule that gets
    stricter by more addresses.
    """
    own = _own_address(request)
    passed = [*_forwarded_addresses(request), *([own] if own else [])]
    return list(dict.fromkeys(str(address) for address in passed))


def caller_address(request: HttpRequest | Request) -> str:
    """The one address that stands for a caller of whom nothing else is known; empty if there is none.

    The connection's own. If that is private, a proxy of ours is in front, and it is what the proxy
    wrote last into ``X-Forwarded-For``: so a stranger cannot choose it.
    """
    own = _own_address(request)
    forwarded = _forwarded_addresses(request)
    if forwarded and not (own and own.is_global):
        return str(forwarded[-1])
    return str(own or "")


def _own_address(request: HttpRequest | Request) -> Address | None:
    return _find_address(request.META.get("REMOTE_ADDR", ""))


def _forwarded_addresses(request: HttpRequest | Request) -> list[Address]:
    entries = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    return [address for entry in entries if (address := _find_address(entry))]


def _find_address(entry: str) -> Address | None:
    """The address in an entry: proxies write ``192.0.2.1``, ``192.0.2.1:443``, ``[2001:db8::1]:443``."""
    text = entry.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])  # the zone of fe80::1%eth0 means something there alone
    except ValueError:
        return None
    # A server that listens on IPv6 alone sees callers on IPv4 as ::ffff:192.0.2.1.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
