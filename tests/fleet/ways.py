"""How one worker's way to the broker is cut: in a network of our own its packets are dropped; else a relay stands still."""
import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "foreign"))
import own_network  # noqa: E402 (it lies beside the tests of other servers)

os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # where Debian has ip and nft
ADDRESS = "127.0.0.3"  # of the broker, as that worker knows it
TABLE = "table ip fleet"
RULES = f"""{TABLE} {{
chain output {{ type filter hook output priority 0; ip saddr {ADDRESS} drop; ip daddr {ADDRESS} drop; }}
}}
"""


def nft(*words, rules=None):
    return subprocess.run(["nft", *words], input=rules, text=True, capture_output=True, check=False).returncode == 0


def has_own_network():
    """Whether packets can be dropped here. May start the script again, in a network of its own."""
    if not own_network.enter_if_possible():
        return False
    own_network.ip("link set lo up")
    works = nft("-f", "-", rules=RULES)
    return works and nft("delete", *TABLE.split())


class Filter:
    """Of a broker that listens at all addresses of a network of our own."""

    def __init__(self, port):
        self.url = f"nats://{ADDRESS}:{port}"

    def cut(self):
        assert nft("-f", "-", rules=RULES), "nft does not take the rules"

    def mend(self):
        assert nft("delete", *TABLE.split()), "nft does not forget the rules"

    def end(self):
        nft("delete", *TABLE.split())


class Relay:
    """A process between both; `lines` is a class that starts one and reads what it prints."""

    def __init__(self, port, lines):
        self.lines = lines([sys.executable, str(pathlib.Path(__file__).resolve().parent / "relay.py"), str(port)])
        self.url = f"nats://127.0.0.1:{self.lines.next()}"

    def cut(self):
        self.lines.process.send_signal(signal.SIGSTOP)

    def mend(self):
        self.lines.process.send_signal(signal.SIGCONT)

    def end(self):
        self.lines.end()
