"""A headless Chromium, driven by its own protocol (https://chromedevtools.github.io/devtools-protocol/).

As a program: browser.py URL PICTURE [HEIGHT], such as file:///…/build/demo-timeline.html docs/pictures/timeline.png 520.
"""
import asyncio
import base64
import json
import pathlib
import shutil
import sys
import tempfile
import time

import websockets

from foreign_server import PATIENCE, Program

PROGRAMS = "chromium-headless-shell", "chromium", "chromium-browser"


def find():
    """The path of a Chromium; None: there is none."""
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


class Browser(Program):
    """One tab. `folder` is for its profile."""

    def __init__(self, program, folder):
        # A root user has no sandbox; it sees pages of this machine alone.
        super().__init__(program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0",
                         f"--user-data-dir={folder}", "about:blank")
        self.complaints = []
        self._loop = asyncio.new_event_loop()
        self._last = 0
        address = self.expect(r"DevTools listening on (ws://\S+)")[1]
        self._socket = self._wait(self._connect(address))
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in "Page", "Runtime", "Log":
            self.ask(f"{domain}.enable")

    def __exit__(self, *how):
        self._loop.close()
        super().__exit__(*how)

    @staticmethod
    async def _connect(address):
        return await websockets.connect(address, max_size=None)

    def _wait(self, what):
        async def bounded():
            return await asyncio.wait_for(what, PATIENCE)
        return self._loop.run_until_complete(bounded())

    def _ask(self, method, session=None, **how):
        self._last += 1
        question = {"id": self._last, "method": method, "params": how} | ({"sessionId": session} if session else {})
        self._wait(self._socket.send(json.dumps(question)))
        while True:
            said = json.loads(self._wait(self._socket.recv()))
            if said.get("id") == self._last:
                assert "error" not in said, (method, said)
                return said["result"]
            if said.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(said["params"]["exceptionDetails"])
            if said.get("method") == "Log.entryAdded" and said["params"]["entry"]["level"] == "error":
                self.complaints.append(said["params"]["entry"]["text"])

    def ask(self, method, **how):
        return self._ask(method, self._session, **how)

    def open(self, url):
        self.ask("Page.navigate", url=url)
        self.until("document.readyState", "complete")

    def evaluate(self, expression):
        """The value of an expression of JavaScript in the page."""
        said = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    def until(self, expression, wanted=True):
        end = time.monotonic() + PATIENCE
        while (seen := self.evaluate(expression)) != wanted:
            assert time.monotonic() < end, f"{expression} is {seen!r}, not {wanted!r}"
            time.sleep(0.1)

    def resize(self, width, height, phone=False):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1,
                 mobile=phone)

    def prefer(self, scheme):
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def click(self, selector):
        where = self.evaluate(f"(()=>{{const r=document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
                              "return [r.x+r.width/2,r.y+r.height/2]})()")
        for kind in "mousePressed", "mouseReleased":
            self.ask("Input.dispatchMouseEvent", type=kind, x=where[0], y=where[1], button="left", clickCount=1)

    def picture(self, path):
        shot = self.ask("Page.captureScreenshot", format="png")
        pathlib.Path(path).write_bytes(base64.b64decode(shot["data"]))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, Browser(find(), profile) as shown:
        shown.resize(1200, int(sys.argv[3]) if len(sys.argv) > 3 else 800)
        shown.open(sys.argv[1])
        shown.picture(sys.argv[2])
