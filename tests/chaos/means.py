"""What scenes need beyond a loopback interface, and whether it is to be had here. Each is tried: neither
the version of a kernel nor the name of a package tells.
"""
import socket
import subprocess

from places import Namespaces, run
from scenes import LOST, TO_SERVER


def can_filter():
    try:
        with Namespaces() as place:
            for what in ("drop", "reject with tcp reset", "reject with icmp type host-unreachable", LOST):
                place.server.filter(f"{TO_SERVER} {what}")
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def can_destroy_sockets():
    try:
        run("ip", "link", "set", "lo", "up")  # of our own namespace
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as victim:
            run("ss", "--kill", "--tcp", "dport", "=", f":{server.getsockname()[1]}", stderr=subprocess.STDOUT)
            victim.settimeout(1)
            victim.recv(1)
    except ConnectionAbortedError:
        return True
    except (OSError, subprocess.SubprocessError):
        return False
    return False


NEEDS = {
    "namespaces": "network namespaces, and ip (Debian: iproute2)",
    "filter": "nft (Debian: nftables), and nf_tables in the kernel",
    "destroy": "ss (Debian: iproute2), and INET_DIAG_DESTROY in the kernel",
}


def missing_at(place):
    """Of the names in NEEDS, those that are not to be had."""
    if not place.isolated:
        return ["namespaces", "filter", "destroy"]
    return [name for name, works in (("filter", can_filter), ("destroy", can_destroy_sockets)) if not works()]
