"""A fleet of real processes on real brokers: a table as it happens, and one sentence at the end.

    fleet.py --programs WORKER SENDER BACKEND TOOL [--all | --demo] [--keys N] [--lease SECONDS]

Without --all, what the suite has time for: one broker. With it, a longer lease, and three brokers besides.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import brokers
import scenes
import ways
from stage import FLEET, PATIENCE, Stage

HEADER = f"{'':58} {'longest without':>16} {'two holders':>12} {'lost':>5} {'doubled':>8}"


class Sums:
    def __init__(self):
        self.longest, self.two, self.lost, self.doubled, self.count = 0.0, 0, 0, 0, 0


def play(stage, scene, sums):
    stage.wait_until_served()
    stage.mark()
    before = stage.report()
    promised = scene(stage)
    stage.wait_until_served(PATIENCE + promised)
    after = stage.report_of_scene
    longest = max(0.0, after["longest_gap_ms"] / 1000 - stage.interval)
    two = after["older_epochs"] - before["older_epochs"]
    lost, doubled = settled(stage)
    print(f"{scene.__doc__:58} {longest:14.2f} s {two or 'never':>12} {lost:5} {doubled:8}", flush=True)
    sums.longest, sums.count = max(sums.longest, longest), sums.count + 1
    sums.two, sums.lost, sums.doubled = sums.two + two, max(sums.lost, lost), max(sums.doubled, doubled)
    problems = [f"{scene.__doc__}: {longest:.1f} s without a holder, promised {promised:.1f} s"] if longest > promised else []
    problems += [f"{scene.__doc__}: {each}" for each in after["violations"]]
    if two or lost or doubled:
        problems.append(f"{scene.__doc__}: two holders {two}, lost {lost}, doubled {doubled}")
    if after["begun_anew"]:
        problems.append(f"{scene.__doc__}: {after['begun_anew']} sessions did not go on")
    return problems


def settled(stage):
    """Events that are told while we look are on their way: only what stays missing is lost."""
    found = (0, 0)
    for _ in range(20):
        found = stage.balance()
        if found[0] <= 2 * stage.keys and found[1] == 0:
            break
    return (max(0, found[0] - 2 * stage.keys), found[1])


def last_balance(stage):
    """With no further events, nothing at all is missing."""
    stage.backend.write("stop")
    try:
        stage.wait_for("all events are stored", lambda: stage.balance() == (0, 0))
    except AssertionError:
        pass
    return stage.balance()


def message_through_the_holder(stage):
    done = subprocess.run([stage.sender, stage.brokers[0].url, "tenant-0", '{"from":"outside"}'], capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    told = stage.manage("status")
    held = f"{stage.keys} of {stage.keys} keys are held"
    unknown = stage.manage("send", "no-such-tenant", "x")
    problems = []
    if done.returncode != 0 or done.stdout != "acked\n":
        problems.append(f"fleet_sender: {done}")
    if told.returncode != 0 or held not in told.stdout:
        problems.append(f"holdfast fleet status: {told.returncode} {told.stdout[-300:]} {told.stderr}")
    if unknown.returncode != 1 or "no such key" not in unknown.stdout:
        problems.append(f"holdfast fleet send to nobody: {unknown}")
    return problems


def run(programs, count, which, keys, lease, interval_ms, sums, own_network=False):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fleet."))
    stage = Stage(folder, programs, count, keys, lease, interval_ms, own_network)
    problems = []
    try:
        stage.start_worker("w1")
        stage.start_worker("w2")
        if count == 1:
            stage.start_on_a_way_of_its_own("w3")
        else:
            stage.start_worker("w3")
        stage.wait_for("the bucket", lambda: stage.questions.ask(f"$JS.API.STREAM.INFO.KV_holdfast_{FLEET}"))
        stage.add_keys()
        stage.wait_until_served()
        stage.wait_for_states()
        for scene in which:
            problems += play(stage, scene, sums)
        problems += message_through_the_holder(stage)
        lost, doubled = last_balance(stage)
        sums.lost, sums.doubled = sums.lost + lost, sums.doubled + doubled
        if lost or doubled:
            problems.append(f"in the end {lost} events are missing in the stream, and {doubled} are there twice")
    except AssertionError as wrong:
        problems.append(str(wrong))
    finally:
        stage.end()
    if problems:
        print(f"logs: {folder}")
    else:
        shutil.rmtree(folder)
    return problems


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--programs", nargs=4, required=True)
    words.add_argument("--all", action="store_true")
    words.add_argument("--demo", action="store_true")
    words.add_argument("--keys", type=int)
    words.add_argument("--lease", type=int)
    given = words.parse_args()
    if brokers.program() is None:
        print("nats-server is missing (Debian: nats-server)")
        sys.exit(1 if os.environ.get("HOLDFAST_REQUIRE_FOREIGN") else 77)
    own_network = given.all and ways.has_own_network()
    if given.all and not own_network:
        print("no network namespace, or no nft: the worker is cut by a relay that stands still")
    keys = given.keys or (300 if given.all else 60)
    lease = given.lease or (10 if given.all else 4)
    interval = 1000 if given.all else 250
    sums = Sums()
    print(f"{keys} keys, 3 workers, a lease time of {lease} s\n\n{HEADER}", flush=True)
    which = scenes.DEMO if given.demo else scenes.ALONE
    problems = run(given.programs, 1, which, keys, lease, interval, sums, own_network)
    if given.all and not problems:
        problems += run(given.programs, 3, (*scenes.OF_THREE, scenes.roll_workers), keys, lease, interval, sums)
    never = "never" if not sums.two else f"{sums.two} times"
    print(f"\n{sums.count} scenes: longest time without a holder {sums.longest:.1f} s; two holders: {never}; lost {sums.lost}, "
          f"doubled {sums.doubled}.")
    sys.exit("\n".join(problems) or 0)


if __name__ == "__main__":
    main()
