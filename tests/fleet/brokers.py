"""nats-server for the tests of fleets: alone, or three of them; and a client of a few lines, to ask what JetStream knows."""
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "foreign"))
from front_servers import free_ports  # noqa: E402 (it lies beside the tests of other servers)

PATIENCE = 30


def program():
    found = shutil.which("nats-server") or "/usr/sbin/nats-server"
    return found if pathlib.Path(found).exists() else None


class Broker:
    """One server, which keeps its port and its store when it is started again."""

    def __init__(self, folder, name, port, cluster_port=None, routes=(), address="127.0.0.1"):
        self.name, self.port = name, port
        self.store = folder / name
        lines = [f'server_name: "{name}"', f"listen: {address}:{port}", f'jetstream {{ store_dir: "{self.store}" }}']
        if cluster_port:
            others = ", ".join(f'"nats://127.0.0.1:{each}"' for each in routes)
            lines.append(f"cluster {{ name: tests, listen: 127.0.0.1:{cluster_port}, routes: [{others}] }}")
        self.config = folder / f"{name}.conf"
        self.config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.log = folder / f"{name}.log"
        self.process = None

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def start(self):
        self.process = subprocess.Popen([program(), "-c", str(self.config), "-l", str(self.log)])
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)  # it has no other way to say that it listens
        raise AssertionError(f"{self.name} does not start: {self.log.read_text(encoding='utf-8')[-2000:]}")

    def signal(self, which):
        self.process.send_signal(which)
        if which == signal.SIGKILL:
            self.process.wait()

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


def make_brokers(folder, count, address="127.0.0.1"):
    ports = free_ports(2 * count)
    clients, routes = ports[:count], ports[count:]
    if count == 1:
        return [Broker(folder, "n1", clients[0], address=address)]
    return [Broker(folder, f"n{at + 1}", clients[at], routes[at], routes) for at in range(count)]


class Questions:
    """Requests to a server, over a connection of its own for each: servers come and go."""

    def __init__(self, urls):
        self.ports = [int(each.rsplit(":", 1)[1]) for each in urls]

    def ask(self, subject, body=None):
        """The answer as JSON, from the first server that gives one; None: none does."""
        for port in self.ports:
            try:
                answer = self.ask_one(port, subject, "" if body is None else json.dumps(body))
            except (OSError, ValueError):
                continue
            if answer is not None:
                return answer
        return None

    @staticmethod
    def ask_one(port, subject, body):
        with socket.create_connection(("127.0.0.1", port), 2) as conn:
            conn.settimeout(3)
            lines = conn.makefile("rb")
            lines.readline()  # INFO
            conn.sendall(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB answer 1\r\n' +
                         f"PUB {subject} answer {len(body)}\r\n{body}\r\n".encode())
            while True:
                line = lines.readline()
                if not line:
                    return None
                if line.startswith(b"HMSG"):
                    headers, total = map(int, line.split()[-2:])
                    status = lines.read(headers).split(b"\r\n")[0]  # "NATS/1.0 503" if nobody serves the subject
                    return json.loads(lines.read(total - headers)) if status == b"NATS/1.0" else None
                if line.startswith(b"PING"):
                    conn.sendall(b"PONG\r\n")
                if line.startswith(b"MSG"):
                    return json.loads(lines.read(int(line.split()[-1])))

    def events_by_key(self, fleet):
        """How many different events the stream has of each key, as the names of its subjects have it."""
        counted, offset = {}, 0
        while True:
            answer = self.ask(f"$JS.API.STREAM.INFO.holdfast_{fleet}_events", {"subjects_filter": ">", "offset": offset})
            subjects = (answer or {}).get("state", {}).get("subjects") or {}
            counted.update({subject.rsplit(".", 1)[1]: count for subject, count in subjects.items()})
            offset += len(subjects)
            if not subjects or offset >= answer.get("total", 0):
                return counted

    def leader(self, fleet):
        answer = self.ask(f"$JS.API.STREAM.INFO.KV_holdfast_{fleet}")
        return ((answer or {}).get("cluster") or {}).get("leader")
