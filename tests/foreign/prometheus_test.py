"""The example that serves its numbers, scraped by Debian's Prometheus. Usage: prometheus_test.py STATUS_SERVER"""
import json
import pathlib
import shutil
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from channel_backends import skip
from foreign_server import PATIENCE, EchoServer, Program, skip_without_websockets
from front_servers import free_ports

CONFIGURATION = """\
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs:
  - job_name: holdfast
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class Prometheus(Program):
    def __init__(self, folder, scraped):
        self.port = free_ports(1)[0]
        configuration = pathlib.Path(folder, "prometheus.yml")
        configuration.write_text(CONFIGURATION.format(port=scraped), encoding="utf-8")
        super().__init__("prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={folder}/data",
                         f"--web.listen-address=127.0.0.1:{self.port}")
        self.expect("Server is ready")

    def ask(self, query):
        """The values that it has now, as numbers."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return [float(each["value"][1]) for each in json.load(answer)["data"]["result"]]

    def until(self, query, wanted):
        end = time.monotonic() + PATIENCE
        while (seen := self.ask(query)) != wanted:
            assert time.monotonic() < end, f"{query} is {seen}, not {wanted}"
            time.sleep(0.2)


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
        return answer.read().decode()


def main():
    skip_without_websockets()
    if shutil.which("prometheus") is None:
        skip("there is no prometheus (Debian: prometheus)")
    with EchoServer() as echo, Program(sys.argv[1], "0", *[echo.url] * 3) as subject, \
            tempfile.TemporaryDirectory() as folder:
        port = int(subject.expect(r"^listening (\d+)$")[1])
        with Prometheus(folder, port) as prometheus:
            prometheus.until("up", [1])  # what is not OpenMetrics would leave it at 0
            prometheus.until('holdfast_connections{state="connected"}', [3])
            assert prometheus.ask("holdfast_sessions_total") == [3]
            assert prometheus.ask("holdfast_dial_duration_seconds_count") == [3]
            assert prometheus.ask('holdfast_dial_duration_seconds_bucket{le="+Inf"}') == [3]
            assert prometheus.ask("sum(holdfast_session_losses_total)") == []
            status = json.loads(get(port, "/status"))
            assert [each["state"] for each in status] == ["connected"] * 3, status
            echo.process.kill()
            prometheus.until("sum(holdfast_session_losses_total)", [3])
            prometheus.until('holdfast_connections{state="connected"}', [0])
            prometheus.until('sum(holdfast_dial_failures_total{stage="connect"}) > bool 0', [1])
            assert prometheus.ask("holdfast_session_duration_seconds_count") == [3]
        assert get(port, "/metrics").endswith("# EOF\n")


main()
