"""The network watcher against the kernel: links, addresses and routes of a network that only this test sees.

Usage: netlink_test.py PROGRAM, which is the path of network_changes. Skipped (77) without `unshare`, `ip`, or the
right to use them.
"""
import signal
import subprocess
import sys
import time

import own_network
from foreign_server import PATIENCE, Program
from own_network import ip

def has_veth():
    """Whether this kernel has pairs of links, as containers get them."""
    made = subprocess.run(["ip", "link", "add", "w0", "type", "veth", "peer", "name", "w1"], capture_output=True,
                          check=False)
    if made.returncode != 0:
        print("skipped: this kernel has no veth")
        return False
    ip("link del w0")
    return True


def container_comes():
    """A pair of links as a container gets it; returns when it carries. Without IPv6, whose addresses come late."""
    ip("link add w0 type veth peer name w1", "link set w0 addrgenmode none", "link set w1 addrgenmode none",
       "link set w1 up", "link set w0 up", "address add 10.30.0.1/24 dev w0")
    end = time.monotonic() + PATIENCE
    while " state UP " not in subprocess.run(["ip", "link", "show", "w0"], capture_output=True, text=True,
                                             check=True).stdout:
        assert time.monotonic() < end, "the link does not come up"
        time.sleep(0.05)


class Watched(Program):
    def __init__(self, program, *arguments):
        super().__init__(program, *arguments, stdin=subprocess.PIPE)

    def told(self, what="change"):
        """How often it has said `what` about all that has been done until now."""
        self.say("")
        count = 0
        while True:
            line = self.lines.get(timeout=PATIENCE)
            assert line is not None, "the program has ended"
            if line == "mark":
                return count
            assert line == what, line
            count += 1


def ready(program, *arguments, first=None):
    watched = Watched(program, *arguments)
    if first:
        watched.expect(f"^{first}$")
    watched.expect("^ready$")
    assert watched.told() == 0, "nothing has changed yet"
    return watched


def each_burst_is_one_change(program):
    with ready(program) as watched:
        ip("link set lo up", "address add 10.1.2.3/32 dev lo", "route add 10.9.0.0/16 dev lo")
        assert watched.told() == 1
        assert watched.told() == 0
        for command in ("address add 10.1.2.4/32 dev lo", "route del 10.9.0.0/16", "address del 10.1.2.4/32 dev lo",
                        "address add 2001:db8::1/128 dev lo", "link set lo down", "link set lo up"):
            ip(command)
            assert watched.told() == 1, command
        ip("address flush dev lo", "link set lo down")


def noise_is_not_told(program):
    ip("link set lo up", "address add 10.1.2.3/32 dev lo")
    with ready(program) as watched:
        for command in ("neighbour add 10.1.2.9 lladdr 00:11:22:33:44:55 dev lo",
                        "link set lo mtu 60000",
                        "route add 10.8.0.0/16 dev lo table 100",
                        "address change 10.1.2.3/32 dev lo valid_lft 1000 preferred_lft 1000"):
            ip(command)
            assert watched.told() == 0, command
        ip("address del 10.1.2.3/32 dev lo")
        assert watched.told() == 1, "what was there before is known"


def more_than_the_kernel_can_keep_is_one_change(program):
    ip("link set lo up")
    with ready(program) as watched:
        watched.process.send_signal(signal.SIGSTOP)
        ip(*(f"address add 10.2.{n // 200}.{n % 200 + 1}/32 dev lo" for n in range(4000)))
        watched.process.send_signal(signal.SIGCONT)
        assert watched.told() == 1
        ip("address add 10.1.2.5/32 dev lo")
        assert watched.told() == 1, "it still listens"
        ip("address change 10.2.9.9/32 dev lo valid_lft 1000 preferred_lft 1000")
        assert watched.told() == 0, "it has read again what is there"
        ip("address flush dev lo", "link set lo down")


def a_connection_that_waits_tries_again(program):
    ip("link set lo up")
    with Watched(program, "connection") as watched:
        assert watched.told("attempt") == 1
        ip("address add 10.1.2.3/32 dev lo", "route add 10.9.0.0/16 dev lo")
        assert watched.told("attempt") == 1
        assert watched.told("attempt") == 0
    ip("address flush dev lo", "link set lo down")


# covers R53
def what_carries_no_route_to_the_peer_is_not_told(program):
    ip("link set lo up", "address add 10.1.2.3/32 dev lo", "route add 10.20.0.0/16 dev lo src 10.1.2.3")
    with ready(program, "peer", "10.20.0.9", first=r"route 1 from 10\.1\.2\.3 by 0\.0\.0\.0") as watched:
        container_comes()
        assert watched.told() == 0, "a link beside the route"
        ip("address add 10.30.0.2/24 dev w0", "route add 10.40.0.0/16 via 10.30.0.9")
        assert watched.told() == 0, "a route to elsewhere"
        ip("link del w0")
        assert watched.told() == 0, "a link beside the route goes"
        container_comes()
        assert watched.told() == 0
        for command in ("route add 10.20.0.0/24 via 10.30.0.9",  # a better route
                        "route change 10.20.0.0/24 via 10.30.0.8",
                        "address add 10.30.0.3/24 dev w0",  # on its interface
                        "link set w0 down",  # it is gone; the other one is left
                        "address add 10.1.2.4/32 dev lo",
                        "route del 10.20.0.0/16"):
            ip(command)
            assert watched.told() == 1, command
        ip("address add 10.1.2.5/32 dev lo")
        assert watched.told() == 0, "there is no way to the peer, before and after"
        ip("link del w0", "address flush dev lo", "link set lo down")
    ip("link set lo up")
    with ready(program, "peer", "127.0.0.1", first="route 1 from 127.0.0.1 by 0.0.0.0") as watched:
        container_comes()
        ip("link del w0")
        assert watched.told() == 0, "on the machine itself"
        ip("link set lo down")
        assert watched.told() == 1


# covers R53
def a_connection_that_waits_does_not_hear_of_containers(program):
    ip("link set lo up")
    with Watched(program, "connection") as watched:
        assert watched.told("attempt") == 1
        container_comes()
        assert watched.told("attempt") == 0
        ip("link del w0")
        assert watched.told("attempt") == 0
        ip("address add 10.1.2.3/32 dev lo")
        assert watched.told("attempt") == 1
        ip("address flush dev lo", "link set lo down")


def main():
    own_network.enter()
    tests = [each_burst_is_one_change,
             noise_is_not_told,
             more_than_the_kernel_can_keep_is_one_change,
             a_connection_that_waits_tries_again]
    if has_veth():
        tests += [what_carries_no_route_to_the_peer_is_not_told,
                  a_connection_that_waits_does_not_hear_of_containers]
    for test in tests:
        print(f"--- {test.__name__}")
        test(sys.argv[1])


main()
