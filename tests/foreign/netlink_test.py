"""The network watcher against the kernel: links, addresses and routes of a network that only this test sees.

Usage: netlink_test.py PROGRAM, which is the path of network_changes. Skipped (77) without `unshare`, `ip`, or the
right to use them.
"""
import os
import signal
import subprocess
import sys

from foreign_server import PATIENCE, Program

INSIDE = "HOLDFAST_INSIDE_A_NAMESPACE"


def enter_a_namespace():
    """Starts this script again where there is nothing but a loopback that is down."""
    for unshare in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        try:
            probe = subprocess.run([*unshare, "ip", "link", "set", "lo", "up"], capture_output=True, check=False)
        except FileNotFoundError:
            break
        if probe.returncode == 0:
            os.execvpe(unshare[0], [*unshare, sys.executable, *sys.argv], {**os.environ, INSIDE: "1"})
    print("skipped: no network namespace can be made here, or `ip` is missing (Debian: iproute2)")
    sys.exit(77)


def ip(*commands):
    """All in one process, so that they are one burst."""
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands) + "\n", text=True, check=True, timeout=PATIENCE)


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


def ready(program):
    watched = Watched(program)
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


def main():
    if INSIDE not in os.environ:
        enter_a_namespace()
    for test in (each_burst_is_one_change,
                 noise_is_not_told,
                 more_than_the_kernel_can_keep_is_one_change,
                 a_connection_that_waits_tries_again):
        print(f"--- {test.__name__}")
        test(sys.argv[1])


main()
