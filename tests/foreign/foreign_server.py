"""What the tests of the examples share: the foreign server, and a program whose output is read by line."""
import importlib.util
import pathlib
import queue
import re
import subprocess
import sys
import threading
import time

PATIENCE = 60  # seconds; a bound for what has no reason to take long


def skip_without_websockets():
    if importlib.util.find_spec("websockets") is None:
        print("skipped: this Python has no module websockets (Debian: python3-websockets)")
        sys.exit(77)


class Program:
    """A process that is killed at the end of the `with` block. `first` is a program, or a list of it and its first words."""

    def __init__(self, first, *more, stdin=subprocess.DEVNULL):
        command = [*first, *more] if isinstance(first, list) else [first, *more]
        self.name = pathlib.Path(command[0]).name
        self.process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, bufsize=1)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            print(f"{self.name}: {line}", end="", flush=True)
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def expect(self, pattern):
        """The first of the lines to come that has `pattern` in it; those before it are passed over."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{self.name} did not print {pattern!r} in {PATIENCE} s") from None
            if line is None:
                raise AssertionError(f"{self.name} ended without printing {pattern!r}")
            found = re.search(pattern, line)
            if found:
                return found

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def exit_status(self):
        return self.process.wait(timeout=PATIENCE)


class EchoServer(Program):
    def __init__(self, port=0, *options):
        script = pathlib.Path(__file__).with_name("echo_server.py")
        super().__init__(sys.executable, str(script), "--port", str(port), *options)
        self.name = "server"
        self.port = int(self.expect(r"^listening (\d+)$")[1])

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}/"
