"""What a connection said of its states, so that what was seen can be compared with what was predicted."""
import subprocess

from foreign_server import PATIENCE


def normalised(lines):
    """One line of text; failures of the same kind that follow each other become one."""
    out = []
    at = 0
    while at < len(lines):
        attempt = lines[at:at + 2]
        if len(attempt) == 2 and attempt[0] == "connecting" and attempt[1].startswith("disconnected"):
            while lines[at:at + 2] == attempt:
                at += 2
            out.append("({} {})+".format(*attempt))
        else:
            out.append(lines[at])
            at += 1
    return " ".join(out)


def predict(program, seed):
    """The name of each scene, and what may be seen in it."""
    out = subprocess.run([program, str(seed)], check=True, stdout=subprocess.PIPE, text=True, timeout=PATIENCE).stdout
    predicted = {}
    for part in out.split("scene ")[1:]:
        name, *lines = part.splitlines()
        predicted.setdefault(name, []).append(normalised(lines))
    return predicted
