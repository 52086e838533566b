"""The status page of the example, in a real browser: fifty connections, a server that dies, a timeline, a phone, the dark.

Usage: status_page_test.py STATUS_SERVER [FOLDER]: the second writes the pictures of the documents there.
"""
import pathlib
import sys
import tempfile
import time
import urllib.error
import urllib.request

import browser
from channel_backends import skip
from foreign_server import PATIENCE, EchoServer, Program, skip_without_websockets

ROWS = "document.querySelectorAll('tbody tr').length"
HEALTHY = "[...document.querySelectorAll('tbody .state')].filter(x=>x.textContent==='connected').length"
# The least contrast between a text and what is behind it (WCAG 2.2, section 1.4.3 wants 4.5).
CONTRAST = """(()=>{
  const light=c=>{const [r,g,b]=c.match(/[\\d.]+/g).slice(0,3).map(x=>{x/=255;return x<=.04045?x/12.92:((x+.055)/1.055)**2.4});
    return .2126*r+.7152*g+.0722*b};
  const paper=light(getComputedStyle(document.body).backgroundColor);
  return Math.min(...[...document.querySelectorAll('h1,#live,td,th,button')].filter(x=>x.offsetParent&&x.textContent).map(x=>{
    const ink=light(getComputedStyle(x).color);return (Math.max(ink,paper)+.05)/(Math.min(ink,paper)+.05)}));
})()"""


def the_page_shows_all_and_updates_by_itself(tab, doomed):
    tab.until(ROWS, 50)
    tab.until(HEALTHY, 50)
    assert tab.evaluate("document.getElementById('live').textContent") == "live"
    doomed.process.kill()
    tab.until(HEALTHY, 25)
    tab.until("document.querySelector('#counts [data-state=connected]').textContent", "connected 25")
    assert tab.evaluate("document.querySelector('tbody .state').textContent") in ("disconnected", "connecting"), "who is in trouble comes first"
    assert "refused" in tab.evaluate("document.querySelector('tbody').textContent") or tab.evaluate(ROWS) == 50


def rows_can_be_chosen_and_found(tab):
    tab.click("#counts [data-state=connected]")
    tab.until(ROWS, 25)
    tab.click("#counts [data-state='']")
    tab.until(ROWS, 50)
    tab.evaluate("(()=>{const i=document.querySelector('input');i.value='no such';i.dispatchEvent(new Event('input'))})()")
    tab.until(ROWS, 0)
    tab.evaluate("(()=>{const i=document.querySelector('input');i.value='';i.dispatchEvent(new Event('input'))})()")
    tab.until(ROWS, 50)


def a_row_opens_its_timeline(tab):
    tab.click("tbody tr .said")
    tab.until("document.querySelector('dialog').open")
    frame = "document.querySelector('iframe').contentDocument"
    tab.until(f"!!{frame}.querySelector('svg.tl')")
    assert tab.evaluate(f"{frame}.querySelectorAll('svg.tl rect').length") > 4
    assert tab.evaluate(f"{frame}.querySelector('svg.tl').getBoundingClientRect().width") > 300
    assert "usable for" in tab.evaluate(f"{frame}.querySelector('p').textContent")


def close_timeline(tab):
    tab.click("#close")
    tab.until("document.querySelector('dialog').open", False)


def it_is_readable_on_a_phone(tab):
    tab.resize(390, 844, phone=True)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390, "it must be scrolled sideways"
    assert tab.evaluate("getComputedStyle(document.querySelector('thead')).display") == "none"
    assert float(tab.evaluate("getComputedStyle(document.querySelector('td.said')).fontSize").removesuffix("px")) >= 14
    assert tab.evaluate("[...document.querySelectorAll('tbody tr:first-child td')].every(x=>{const r=x.getBoundingClientRect();return r.left>=0&&r.right<=390})")


def it_is_readable_in_the_dark_and_in_the_light(tab):
    paper = {}
    for scheme in "light", "dark":
        tab.prefer(scheme)
        tab.until(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
        paper[scheme] = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert tab.evaluate(CONTRAST) >= 4.5, (scheme, tab.evaluate(CONTRAST))
    assert paper["light"] != paper["dark"]


def other_sites_must_not_read_along(port):
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    for path, headers, status in (("/live", upgrade | {"Origin": "http://evil.example"}, 404),
                                  ("/live", upgrade | {"Origin": "http://evil.example", "Host": "evil.example"}, 421),
                                  ("/status", {"Host": f"evil.example:{port}"}, 421)):
        try:
            urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers), timeout=PATIENCE)
        except urllib.error.HTTPError as refused:
            assert refused.code == status, (path, refused)
        else:
            raise AssertionError("a page of another site was let in")


def take_pictures(tab, folder):
    time.sleep(20)  # so that there is something to see
    tab.resize(1200, 640)
    for name, scheme in ("status_page", "light"), ("status_page_dark", "dark"):
        tab.prefer(scheme)
        tab.picture(folder / f"{name}.png")
    tab.prefer("light")
    tab.resize(390, 700, phone=True)
    tab.picture(folder / "status_page_phone.png")


def main():
    skip_without_websockets()
    program = browser.find()
    if program is None:
        skip("there is no Chromium (Debian: chromium-headless-shell)")
    with EchoServer() as doomed, EchoServer() as other, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, \
            Program(sys.argv[1], "0", *[doomed.url, other.url] * 25) as subject:
        port = int(subject.expect(r"^listening (\d+)$")[1])
        other_sites_must_not_read_along(port)
        with browser.Browser(program, folder) as tab:
            tab.resize(1200, 800)
            tab.open(f"http://127.0.0.1:{port}/")
            the_page_shows_all_and_updates_by_itself(tab, doomed)
            rows_can_be_chosen_and_found(tab)
            a_row_opens_its_timeline(tab)
            close_timeline(tab)
            it_is_readable_in_the_dark_and_in_the_light(tab)
            if len(sys.argv) > 2:
                take_pictures(tab, pathlib.Path(sys.argv[2]))
            it_is_readable_on_a_phone(tab)
            assert tab.complaints == [], tab.complaints
            subject.process.kill()
            tab.until("document.getElementById('live').className", "lost")


main()
