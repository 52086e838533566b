"""The status page of the example with a fleet: which worker holds which keys, in a real browser.

Usage: page_test.py STATUS_SERVER WORKER SENDER BACKEND TOOL
"""
import os
import pathlib
import signal
import sys
import tempfile

import brokers  # from here on modules are found beside the tests of other servers, too
import browser
from channel_backends import skip
from foreign_server import Program
from stage import FLEET, Stage

KEYS = 12
ODD_KEY = b"\xff<b>"  # neither text nor harmless in a page
ALL = KEYS + 1
# "worker: how many", of each row.
ROWS = "[...document.querySelectorAll('#fleet tbody tr')].map(x=>x.children[0].textContent+': '+x.children[1].textContent.split(' ')[0]).join()"


def the_page_shows_keys_by_workers(tab, stage):
    tab.until("document.querySelector('#fleet h2').textContent", f"Fleet {FLEET}")
    tab.until(f"{ROWS}.replace(/[0-9]+$/,'').replace(/: [0-9]+,/,',')", "w1,w2: ")
    tab.until(f"{ROWS}.match(/[0-9]+(?=,|$)/g).reduce((a,b)=>a+Number(b),0)", ALL)
    names = tab.evaluate("[...document.querySelectorAll('#fleet .keys')].map(x=>x.textContent).join(', ')").split(", ")
    odd = [name for name in names if not name.startswith("tenant-")]
    assert sorted(set(names) - set(odd)) == sorted(f"tenant-{number}" for number in range(KEYS)), names
    assert len(odd) == 1 and odd[0].endswith("<b>"), odd
    assert tab.evaluate("document.querySelector('#fleet p').textContent") == ""


def a_dead_workers_keys_are_seen_at_another(tab, stage):
    stage.workers["w1"].kill()
    tab.until(f"{ROWS}.includes('w2: {ALL}')")


def nobody_holds_what_the_last_worker_left(tab, stage):
    stage.workers["w2"].send_signal(signal.SIGTERM)
    assert stage.workers["w2"].wait(timeout=30) == 0
    tab.until(f"!{ROWS}.includes('w2') && {ROWS}.includes('nobody: {ALL}')")


def it_says_that_the_broker_is_away(tab, stage):
    stage.brokers[0].signal(signal.SIGKILL)
    tab.until("document.querySelector('#fleet p').textContent.endsWith(': what follows is old')")
    assert tab.evaluate(f"{ROWS}.includes('nobody: {ALL}')")


def main():
    chromium = browser.find()
    if chromium is None:
        skip("there is no Chromium (Debian: chromium-headless-shell)")
    if brokers.program() is None:
        skip("there is no nats-server (Debian: nats-server)")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        stage = Stage(pathlib.Path(folder), sys.argv[2:6], 1, KEYS, 4, 250)
        try:
            for name in "w1", "w2":
                stage.start_worker(name)
            stage.wait_for("the bucket", lambda: stage.questions.ask(f"$JS.API.STREAM.INFO.KV_holdfast_{FLEET}"))
            stage.add_keys()
            stage.wait_until_served()
            assert stage.manage("add", ODD_KEY).returncode == 0
            os.environ["STATUS_FLEET"] = f"{stage.urls}/{FLEET}"
            with Program(sys.argv[1], "0") as subject, browser.Browser(chromium, folder) as tab:
                port = subject.expect(r"^listening (\d+)$")[1]
                tab.open(f"http://127.0.0.1:{port}/")
                the_page_shows_keys_by_workers(tab, stage)
                a_dead_workers_keys_are_seen_at_another(tab, stage)
                nobody_holds_what_the_last_worker_left(tab, stage)
                it_says_that_the_broker_is_away(tab, stage)
                assert tab.complaints == [], tab.complaints
        finally:
            stage.end()


main()
