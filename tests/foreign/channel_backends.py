"""Servers of channels: of npm packages, which are installed into a folder of the build once, and of Debian's Ruby."""
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

from foreign_server import Program
from front_servers import free_ports

PACKAGES = ["rpc-websockets@10.0.1", "graphql-ws@6.4.2", "graphql@16.15.0", "ws@8.23.0", "ocpp-rpc@2.2.1",
            "socket.io@4.8.4", "socket.io-2@npm:socket.io@2.5.1", "pusher-js@8.6.0"]
SCRIPTS = pathlib.Path(__file__).with_name("channel_servers")


def skip(why):
    """Where nothing may be missing (in CI), this is a failure."""
    if os.environ.get("HOLDFAST_REQUIRE_FOREIGN") == "1":
        sys.exit(f"must not be skipped here: {why}")
    print(f"skipped: {why}")
    sys.exit(77)


def install(folder):
    """Returns the folder with node_modules in it, and beside them our scripts: node looks for packages there."""
    for program in "node", "npm":
        if shutil.which(program) is None:
            skip(f"there is no {program} (Debian: nodejs, npm)")
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = "\n".join(PACKAGES)
    done = folder / "installed"
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for script in SCRIPTS.glob("*.cjs"):
            shutil.copy(script, folder)
        if done.exists() and done.read_text(encoding="utf-8") == wanted:
            return folder
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), *PACKAGES]
        try:
            run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240)
        except subprocess.TimeoutExpired:
            skip("npm does not come to an end: is the registry within reach?")
        if run.returncode != 0:
            skip(f"npm could not install: {run.stdout[-500:]}")
        done.write_text(wanted, encoding="utf-8")
    return folder


class ChannelServer(Program):
    def __init__(self, port, *command):
        self.port = port
        super().__init__(*command)
        self.name = "server"

    def stop(self):
        self.process.kill()
        self.process.wait()


def node_script(name, modules):
    return str(modules / f"{name}.cjs")


class NodeServer(ChannelServer):
    def __init__(self, name, modules, port=None):
        port = port or free_ports(1)[0]
        super().__init__(port, "node", node_script(name, modules), str(port))
        self.expect("^listening ")


class PumaServer(ChannelServer):
    def __init__(self, port=None):
        if shutil.which("puma") is None:
            skip("there is no puma (Debian: puma, ruby-actioncable)")
        port = port or free_ports(1)[0]
        super().__init__(port, "puma", "-b", f"tcp://127.0.0.1:{port}", str(SCRIPTS / "action_cable.ru"))
        self.expect("Listening on ")
