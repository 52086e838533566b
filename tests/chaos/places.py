"""Where scenes are played: two network namespaces joined by a wire, or the loopback interface where there
are none.

A place says how to start a program at either end, and at which address the server is. What is done to the
network ends with the place.
"""
import os
import re
import subprocess
import sys

from foreign_server import PATIENCE
from front_servers import free_ports

os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # where Debian has ip and nft


def run(*command, **how):
    return subprocess.run(command, check=True, text=True, timeout=PATIENCE, stdout=subprocess.PIPE, **how).stdout


class Loopback:
    isolated = False
    address = "127.0.0.1"
    client = server = ()  # what comes before a command

    def __init__(self):
        self.port, self.relay_port = free_ports(2)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class End(tuple):
    """What to put before a command that is to run at this end of the wire."""

    def run(self, *command, **how):
        return run(*self, *command, **how)

    def ip(self, *commands):
        """All in one process, so that the watcher sees one burst."""
        self.run("ip", "-batch", "-", input="\n".join(commands) + "\n")

    def filter(self, *rules):
        """From now on these hold, each of which begins with "input" or "output"; without one, nothing does."""
        if "chaos" in self.run("nft", "list", "tables"):
            self.run("nft", "delete", "table", "ip", "chaos")
        text = "".join(f"chain {hook} {{ type filter hook {hook} priority 0; }}\n" for hook in ("input", "output"))
        text += "".join("chain {} {{ {}; }}\n".format(*rule.split(" ", 1)) for rule in rules)
        if rules:
            self.run("nft", "-f", "-", input=f"table ip chaos {{\n{text}}}\n")

    def counted(self):
        """By the rules that count: how many packets."""
        return sum(map(int, re.findall(r"counter packets (\d+)", self.run("nft", "list", "ruleset"))))


class Namespaces:
    isolated = True
    address = "10.83.0.2"
    client_address, other_client_address = "10.83.0.1/24", "10.83.0.3/24"
    port, relay_port = 8080, 8081

    def __enter__(self):
        self.holders = []
        try:
            self.client, self.server = self._make_end(), self._make_end()
            self.client.ip(f"link add wire type veth peer name wire netns {self.holders[1].pid}")
            for end, address in ((self.client, self.client_address), (self.server, f"{self.address}/24")):
                # No addresses of IPv6: they would come seconds later, as a change of the network.
                end.ip("link set wire addrgenmode none", "link set wire up", f"address add {address} dev wire",
                       "link set lo up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for each in self.holders:
            each.kill()
            each.wait()

    def _make_end(self):
        """A namespace lives as long as a process in it: one that waits for our end, too."""
        holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec cat"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.holders.append(holder)
        if not holder.stdout.readline():
            raise RuntimeError("no further namespace can be made")
        return End(("nsenter", "--target", str(holder.pid), "--net", "--"))


INSIDE = "HOLDFAST_CHAOS_INSIDE"


def enter_namespaces():
    """Starts this script again in namespaces of its own, of the network and of processes: nothing that it
    does reaches the machine's network, and nothing that it has started outlives it. True when it is there,
    false where that cannot be done.
    """
    if INSIDE in os.environ:
        return True
    alone = ["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    wire = ["ip", "link", "add", "wire", "type", "veth"]
    for unshare in (["unshare", *alone], ["unshare", "--map-root-user", *alone]):
        try:
            probe = subprocess.run([*unshare, *wire], capture_output=True, check=False)
        except FileNotFoundError:
            return False
        if probe.returncode == 0:
            os.execvpe(unshare[0], [*unshare, sys.executable, *sys.argv], {**os.environ, INSIDE: "1"})
    return False
