"""Cut this Python process off from every address that is not its own machine.

Python imports ``sitecustomize`` at start-up, before any other code, when its folder is on ``PYTHONPATH``. The audit
hook cannot be removed afterwards, and child processes inherit ``PYTHONPATH`` and with it the guard.
"""

import sys


def _is_loopback(host):
    """Whether ``host``, a name or an address, stays on this machine. An empty host means "any of mine" (to listen)."""
    import ipaddress
    import socket

    if isinstance(host, bytes):
        host = host.decode()
    if host in (None, "", "localhost", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse_network(event, arguments):
    """The audit hook: raise what an unplugged cable raises, ENETUNREACH, for every host that is not this machine."""
    if not event.startswith("socket."):
        return
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # a path is a Unix socket: local
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = arguments[0]
    else:
        return
    if not _is_loopback(host):
        import errno

        raise OSError(errno.ENETUNREACH, f"no network in this test: {event} to {host!r} was refused")


sys.addaudithook(_refuse_network)
