"""What plays in the scenes of a fleet: brokers, a backend, and workers, each a process of its own."""
import json
import queue
import signal
import subprocess
import threading
import time

import ways
from brokers import PATIENCE, Questions, make_brokers

FLEET = "bots"


class Lines:
    """A process whose lines of output can be waited for."""

    def __init__(self, words, **more):
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **more)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def next(self):
        return self.lines.get(timeout=PATIENCE)

    def write(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()


class Stage:
    """`own_network`: nobody else is there, so that packets can be dropped."""

    def __init__(self, folder, programs, brokers, keys, lease, interval_ms, own_network=False):
        self.folder, self.lease, self.keys, self.own_network = folder, lease, keys, own_network
        self.worker, self.sender, backend, self.tool = programs
        self.brokers = make_brokers(folder, brokers, "0.0.0.0" if own_network else "127.0.0.1")
        for each in self.brokers:
            each.start()
        self.questions = Questions([each.url for each in self.brokers])
        if brokers > 1:
            self.wait_for("a leader of JetStream", lambda: (self.questions.ask("$JS.API.INFO") or {}).get("type"))
        self.backend = Lines([backend, str(interval_ms)])
        self.url = self.backend.next()
        self.workers, self.ways, self.runs = {}, {}, 0
        self.report_of_scene = None
        self.interval = interval_ms / 1000

    @property
    def urls(self):
        return ",".join(each.url for each in self.brokers)

    def wait_for(self, what, fact, patience=PATIENCE):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if found := fact():
                return found
            time.sleep(0.05)
        raise AssertionError(f"{what}: not within {patience} s")

    def start_worker(self, name, urls=None):
        self.runs += 1
        log = open(self.folder / f"{name}.{self.runs}.log", "w", encoding="utf-8")  # closed with the process
        self.workers[name] = subprocess.Popen(
            [self.worker, name, self.url, urls or self.urls, str(self.lease), str(len(self.brokers))], stdout=log, stderr=log)

    def start_on_a_way_of_its_own(self, name):
        """Starts the worker so that its way to the broker can be cut."""
        port = self.brokers[0].port
        self.ways[name] = ways.Filter(port) if self.own_network else ways.Relay(port, Lines)
        self.start_worker(name, self.ways[name].url)

    def manage(self, *words, given=None):
        return subprocess.run([self.tool, "fleet", *words, "--fleet", FLEET, "--nats", self.brokers[0].url], input=given,
                              capture_output=True, text=True, timeout=PATIENCE, check=False)

    def add_keys(self):
        names = "".join(f"tenant-{number}\n" for number in range(self.keys))
        # Three brokers that have just begun may have no leader for the bucket yet.
        self.wait_for("the keys are added", lambda: self.manage("add", "-", given=names).returncode == 0)

    def report(self):
        self.backend.write("report")
        return json.loads(self.backend.next())

    def mark(self):
        self.backend.write("mark")

    def all_served(self):
        """Each key has been heard of within twice the time between two events."""
        report = self.report()
        return report["keys"] == self.keys and report["longest_gap_ms"] < 1000 * (2 * self.interval + 0.5)

    def wait_until_served(self, patience=PATIENCE):
        """Leaves in report_of_scene what was known before the last look, for which the gaps are measured anew."""
        def fact():
            self.report_of_scene = self.worse_of(self.report_of_scene, self.report())
            self.mark()
            time.sleep(2 * self.interval)
            return self.all_served()
        self.report_of_scene = None
        self.wait_for("each key is served", fact, patience)

    def wait_for_states(self):
        """Of each session; a holder that dies before its first renewal leaves nothing to go on with."""
        entries = f"$JS.API.DIRECT.GET.KV_holdfast_{FLEET}.$KV.holdfast_{FLEET}.lease.tenant-"
        for number in range(self.keys):
            self.wait_for("a state of each session", lambda entry=f"{entries}{number}": self.questions.ask(entry))

    @staticmethod
    def worse_of(earlier, later):
        if earlier:
            later["longest_gap_ms"] = max(later["longest_gap_ms"], earlier["longest_gap_ms"])
        return later

    def balance(self):
        """The events of the backend that the stream has not, and those that it has twice."""
        told = self.report()["told"]
        stored = self.questions.events_by_key(FLEET)
        lost = sum(max(0, count - stored.get(key, 0)) for key, count in told.items())
        doubled = sum(max(0, stored.get(key, 0) - count) for key, count in told.items())
        return lost, doubled

    def end(self):
        for each in self.workers.values():
            if each.poll() is None:
                each.send_signal(signal.SIGCONT)
                each.kill()
            each.wait()
        for each in [self.backend, *self.ways.values()]:
            each.end()
        for each in self.brokers:
            each.end()
