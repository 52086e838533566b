#!/usr/bin/env python3
"""Chaos over real sockets: are the states that a connection goes through those that the simulator predicts?

Usage: chaos.py CLIENT PREDICTION [--seconds N] [--seed N] [--only TEXT] [--at-once N] [--loopback]
[--verbose], which `./dev chaos [SECONDS]` builds and runs. All scenes are played once, in random order, and
then again and again until the time is up. Ends with 1 if a scene differs; skipped (77) without the Python
module websockets.

Played are: a server that is killed, interrupted, late, stopped, and stopped for a moment; black holes in
both directions and in each; packets rejected by a reset and as unreachable; sockets destroyed at either
end; another address for the client; its link down and up; lost packets; a delay. Each scene (scenes.py) has
two network namespaces of its own, joined by a wire, with a server that we did not write
(foreign/echo_server.py) in one and CLIENT (chaos_client.cpp) in the other. Where there are no namespaces,
the loopback interface carries those scenes for which it will do; those that are left out are named.

PREDICTION (prediction.cpp) plays the same in the simulator. What the connection says of its states
(subject.cpp, the same code in both) is compared from its beginning to its end. How many attempts fail
before one succeeds depends on luck: one failure and many of the same kind are written alike, "(connecting
disconnected[...])+". Where the real world may go two ways, such as an end of stream or a reset when a
server is killed, the prediction has both.

On a machine that stands still for a while, a peer may well be taken for dead: a scene that differs is
played again if that has happened meanwhile, which is said.
"""
import argparse
import concurrent.futures
import itertools
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "foreign"))
from foreign_server import skip_without_websockets  # noqa: E402
from means import NEEDS, missing_at  # noqa: E402
from places import Loopback, Namespaces, enter_namespaces  # noqa: E402
from scenes import SCENES  # noqa: E402
from stage import Stage  # noqa: E402
from traces import normalised, predict  # noqa: E402

TRIES = 4  # of a scene during which the machine stood still


class StallMeter(threading.Thread):
    """Notices when nobody gets to run on this machine."""

    STEP, TOO_LONG = 0.05, 0.4

    def __init__(self):
        super().__init__(daemon=True)
        self.stalls = []  # pairs: when, and for how long

    def run(self):
        while True:
            before = time.monotonic()
            time.sleep(self.STEP)
            late = time.monotonic() - before - self.STEP
            if late > self.TOO_LONG:
                self.stalls.append((before, late))

    def longest_since(self, when):
        return max((late for began, late in self.stalls if began + late >= when), default=0.0)


class Chaos:
    def __init__(self, given, place, scenes, predicted):
        self.given, self.place, self.scenes, self.predicted = given, place, scenes, predicted
        self.random = random.Random(given.seed)
        self.ends = time.monotonic() + given.seconds
        self.programme = self._rounds()
        self.lock = threading.Lock()
        self.meter = StallMeter()
        self.played = self.differ = 0
        self.over = False

    def _rounds(self):
        """The first is played to its end, the others while there is time."""
        for number in itertools.count():
            for scene in self.random.sample(self.scenes, len(self.scenes)):
                if self.over or (number > 0 and time.monotonic() >= self.ends):
                    return
                yield scene, self.random.getrandbits(32)

    def run(self):
        self.meter.start()
        with concurrent.futures.ThreadPoolExecutor(self.given.at_once) as pool:
            try:
                for worker in [pool.submit(self._work) for _ in range(self.given.at_once)]:
                    worker.result()
            except KeyboardInterrupt:
                print("interrupted: no further scene begins", flush=True)
            finally:
                self.over = True

    def _work(self):
        while True:
            with self.lock:
                scene, seed = next(self.programme, (None, None))
            if scene is None:
                return
            for tries_left in reversed(range(TRIES)):
                began = time.monotonic()
                seen, wrong, everything = self._play(scene, seed)
                if self.over:
                    return  # whoever interrupted us has interrupted the programs, too
                stall = self.meter.longest_since(began)
                if not wrong or not stall or not tries_left:
                    break
                self._say(f"again    {scene.name}: the machine stood still for {stall:.1f} s meanwhile\n")
            self._tell(scene, time.monotonic() - began, seen, wrong, everything)

    def _play(self, scene, seed):
        """What was seen, what is wrong with it, and all that was said."""
        wrong = ""
        with self.place() as place, Stage(place, self.given.client, seed) as here:
            try:
                scene.play(here)
                here.finish()
            except (AssertionError, OSError, subprocess.SubprocessError) as failure:
                wrong = f"         failed     {failure}\n"
            seen = normalised(here.states())
            if seen not in self.predicted[scene.name]:
                wrong += "".join(f"         predicted  {each}\n" for each in self.predicted[scene.name])
            return seen, wrong, here.everything()

    def _tell(self, scene, took, seen, wrong, everything):
        text = f"{'DIFFERS' if wrong else 'ok':7} {took:5.1f} s  {scene.name}: "
        text += f"\n         seen       {seen}\n{wrong}" if wrong else f"{seen}\n"
        if wrong or self.given.verbose:
            text += "".join(f"         {line}\n" for line in everything)
        with self.lock:
            self.played += 1
            self.differ += bool(wrong)
        self._say(text)

    @staticmethod
    def _say(text):
        sys.stdout.write(text)
        sys.stdout.flush()


def arguments():
    parser = argparse.ArgumentParser(description="Chaos over real sockets; see the head of this file.")
    parser.add_argument("client")
    parser.add_argument("prediction")
    parser.add_argument("--seconds", type=float, default=0, help="how long new scenes begin after the first round (0)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--only", default="", help="scenes whose name has this in it")
    parser.add_argument("--at-once", type=int, default=4, help="so many scenes (4)")
    parser.add_argument("--loopback", action="store_true", help="as where there are no namespaces")
    parser.add_argument("--verbose", action="store_true", help="print what the programs say in each scene")
    return parser.parse_args()


def playable(place, wanted):
    """Those of the wanted scenes that can be played here; says which cannot."""
    missing = missing_at(place)
    scenes = []
    for each in SCENES:
        lacks = [need for need in missing if need in each.needs]
        if wanted not in each.name:
            continue
        if not lacks:
            scenes.append(each)
        else:
            print(f"left out         {each.name}: for want of {NEEDS[lacks[0]]}", flush=True)
    return scenes


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    given = arguments()
    skip_without_websockets()
    place = Loopback if given.loopback or not enter_namespaces() else Namespaces
    # The first process of a namespace hears only of those signals for which it has a handler. And if we
    # were started to ignore one, as in the background of a shell, so would the servers.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    began = time.monotonic()
    print(f"seed {given.seed}", flush=True)
    predicted = predict(given.prediction, given.seed)
    assert predicted.keys() == {each.name for each in SCENES}, "scenes.py and prediction.cpp have other scenes"
    chaos = Chaos(given, place, playable(place, given.only), predicted)
    chaos.run()
    print(f"{chaos.played} scenes in {time.monotonic() - began:.0f} s, {chaos.differ} differ from the prediction")
    return 1 if chaos.differ or not chaos.played else 0


sys.exit(main())
