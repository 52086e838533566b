"""What stands in front of WebSocket servers in the field: nginx and haproxy, on ports of the loopback interface.

They run in the foreground, as whoever runs the tests, with all that they need in a temporary directory. What they log
is their output, line by line. Knows no test and no certificate: the tests write the interesting part of the settings.
"""
import contextlib
import os
import pathlib
import random
import shutil
import socket
import sys
import tempfile
import time

from foreign_server import PATIENCE, Program

SEARCHED = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # where Debian has servers


def skip_without(*programs):
    missing = [each for each in programs if shutil.which(each, path=SEARCHED) is None]
    if missing:
        print(f"skipped: this machine has no {' and no '.join(missing)} (Debian packages of these names)")
        sys.exit(77)


FIRST, EACH, BLOCKS = 15_000, 500, 34  # below the ports that the system gives to clients
given_before = set()


def free_ports(count):
    """None is given twice, nor taken until the server has it: tests that run at the same time have blocks of their own."""
    found = []
    while len(found) < count:
        port = FIRST + os.getpid() % BLOCKS * EACH + random.randrange(EACH)
        if port in given_before:
            continue
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            found.append(port)
            given_before.add(port)
    return found


class FrontServer(Program):
    """Listens to `ports` when it has been made. `given` is the part of its settings that the test wrote."""

    program = None
    settings = None  # GIVEN stands for what is given

    def __init__(self, given, ports):
        self.given, self.ports = given, ports
        self.directory = tempfile.TemporaryDirectory()
        path = pathlib.Path(self.directory.name, "settings")
        path.write_text(self.settings.replace("GIVEN", given))
        super().__init__(shutil.which(self.program, path=SEARCHED), *self.arguments(str(path)))
        try:
            for port in ports:
                self._wait_until_it_listens(port)
        except BaseException:
            self.__exit__()
            raise

    def arguments(self, path):
        raise NotImplementedError

    def _wait_until_it_listens(self, port):
        end = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port)).close()
                return
            assert self.process.poll() is None, f"{self.name} has ended"
            assert time.monotonic() < end, f"{self.name} does not listen to port {port}"
            time.sleep(0.02)

    def started_anew(self):
        return type(self)(self.given, self.ports)

    def kill(self):
        self.process.kill()  # SIGKILL: it cannot say goodbye
        self.process.wait()

    def __exit__(self, *ended):
        super().__exit__(*ended)
        self.directory.cleanup()


class Nginx(FrontServer):
    """Given are the `server` blocks. Each request that has ended, a session too, is a line that begins with "asked"."""

    program = "nginx"
    settings = """
        daemon off;
        master_process off;  # one process, so that nothing is left when it is killed
        pid pid;
        error_log stderr warn;
        events { worker_connections 256; }
        http {
          log_format facts 'asked port=$server_port uri=$request_uri status=$status tls=$ssl_protocol '
                           'resumed=$ssl_session_reused sni=$ssl_server_name authorization="$http_authorization" '
                           'at=$msec';
          access_log /dev/stdout facts;
          client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
          uwsgi_temp_path uwsgi; scgi_temp_path scgi;
          ssl_protocols TLSv1.2 TLSv1.3;
          ssl_session_cache shared:sessions:1m;
          proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection upgrade;
          proxy_read_timeout 1h;
          GIVEN
        }
        """

    def arguments(self, path):
        return "-p", self.directory.name, "-e", "stderr", "-c", path

    def expect_request(self, **facts):
        """The next request with these facts, patterns such as status="40.", passing over others; returns when it
        ended, in seconds.
        """
        order = "port", "uri", "status", "tls", "resumed", "sni", "authorization"
        wanted = "".join(f".* {each}={facts.pop(each)}(?= )" for each in order if each in facts)
        assert not facts, facts
        return float(self.expect(rf"^asked{wanted}.* at=([\d.]+)$")[1])


class Haproxy(FrontServer):
    """Given are the `frontend` and `backend` sections. Each request, and what failed before one, is a line."""

    program = "haproxy"
    settings = """
global
  maxconn 256
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
GIVEN
"""

    def arguments(self, path):
        return "-db", "-f", path
