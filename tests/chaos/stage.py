"""What a scene is played with: a place, a server there, and the client that is watched."""
import pathlib
import re
import signal
import subprocess
import sys
import time

from foreign_server import PATIENCE, Program

HERE = pathlib.Path(__file__).resolve().parent
SETTLING = 0.7  # seconds; a session of this length is stable (subject.cpp), so its end does not count as flapping
STATES = ("connecting", "connected", "disconnected", "featureThrottled")


class Watched(Program):
    """Writes down what the program prints, in place of printing it."""

    def __init__(self, name, *command):
        self.seen = []  # pairs: when, and what
        super().__init__(*command, stdin=subprocess.PIPE)
        self.name = name  # the command begins with how to get into a namespace

    def _read(self):
        for line in self.process.stdout:
            line = line.rstrip("\n")
            self.seen.append((time.monotonic(), line))
            self.lines.put(line)
        self.lines.put(None)

    def tell(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGKILL):
        self.tell(number)
        self.exit_status()


class Stage:
    def __init__(self, place, client_program, seed):
        self.place, self.client_program, self.seed = place, client_program, seed
        self.programs = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in self.programs:
            each.__exit__()

    def _start(self, end, name, *command):
        self.programs.append(Watched(name, *end, *map(str, command)))
        return self.programs[-1]

    def start_server(self):
        place = self.place
        self.server = self._start(place.server, "server", sys.executable, HERE.parent / "foreign" / "echo_server.py",
                                  "--host", place.address, "--port", place.port)
        self.server.expect("^listening")

    def start_relay(self, seconds):
        place = self.place
        relay = self._start(place.server, "relay", sys.executable, HERE / "relay.py", place.relay_port, place.address,
                            place.port, seconds)
        relay.expect("^listening")

    def start_client(self, port=None, ping=1):
        url = f"ws://{self.place.address}:{port or self.place.port}/"
        self.client = self._start(self.place.client, "client", self.client_program, url, self.seed, ping)

    def settle_in(self):
        self.expect("connected")
        time.sleep(SETTLING)

    def connect(self, ping=1):
        self.start_server()
        self.start_client(ping=ping)
        self.settle_in()

    def expect(self, line):
        """Passes over lines of the client until one begins so."""
        self.client.expect("^" + re.escape(line))

    def expect_failed_attempt(self):
        self.expect("disconnected[connect")

    def send(self, count):
        self.client.say(f"send {count}")
        self.expect("echoed")

    def finish(self):
        self.client.say("quit")
        status = self.client.exit_status()
        assert status == 0, f"the client ended with status {status}"
        while self.client.lines.get(timeout=PATIENCE) is not None:
            pass

    def states(self):
        """What the client has said of its states, from the beginning."""
        return [line for _, line in self.client.seen if line.startswith(STATES)]

    def everything(self):
        """What all programs have said, in the order of time."""
        seen = sorted((when, f"{each.name}: {line}") for each in self.programs for when, line in each.seen)
        return [f"{when - seen[0][0]:7.3f}  {line}" for when, line in seen]
