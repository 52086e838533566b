"""The Debian packages, on a machine that has nothing else: in a fresh root of a release, the packages are installed with the
release's own compiler, and the README's first program is built by the compiler alone and by CMake, and runs against a server.

Usage: packages_test.py SUITE PACKAGE …, as root; SUITE is bookworm or trixie. It takes a few minutes, most of them for the
download. Debian 12 needs its backports for Boost.
"""
import contextlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from foreign_server import EchoServer, skip_without_websockets
from installed_test import PROJECT, including, lives

TOOLS = ["g++", "pkg-config", "cmake", "make"]


def run(*words, **how):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **how)
    assert done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout}"
    return done.stdout


def mirror():
    """The archive that this machine takes its packages from."""
    sources = [pathlib.Path("/etc/apt/sources.list"), *pathlib.Path("/etc/apt/sources.list.d").glob("*")]
    text = "\n".join(source.read_text(encoding="utf-8") for source in sources if source.exists())
    return re.search(r"^(?:URIs: *|deb (?:\[.*\] )?)(\S+/debian)/?(?: |$)", text, re.MULTILINE)[1]


@contextlib.contextmanager
def fresh_root(suite):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder) / "root"
        run("debootstrap", "--variant=minbase", suite, root, mirror())
        if suite == "bookworm":
            (root / "etc/apt/sources.list.d/backports.list").write_text(f"deb {mirror()} bookworm-backports main\n", encoding="utf-8")
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        try:
            for kernels in ("proc", "dev"):
                run("mount", "--bind", f"/{kernels}", root / kernels)
            yield root
        finally:
            for kernels in ("proc", "dev"):
                subprocess.run(["umount", root / kernels], check=False)


def inside(root, command):
    return run("chroot", root, "/bin/sh", "-ec", command, env={"DEBIAN_FRONTEND": "noninteractive", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})


def install(root, packages):
    for package in packages:
        shutil.copy(package, root / "root")
    inside(root, "apt-get update -q")
    names = " ".join(f"/root/{pathlib.Path(package).name}" for package in packages)
    inside(root, f"apt-get install -q -y --no-install-recommends {names} {' '.join(TOOLS)}")
    assert inside(root, "command -v clang clang++ || true") == "", "a clang came with the packages"


def build_first_program(root):
    source = pathlib.Path(__file__).resolve().parents[2] / "examples/first_program.cpp"
    project = root / "root/project"
    project.mkdir()
    (project / "first.cpp").write_text(including(source.read_text(encoding="utf-8")), encoding="utf-8")
    (project / "CMakeLists.txt").write_text(PROJECT.format(components=""), encoding="utf-8")
    inside(root, "cd /root/project; g++ -std=c++20 first.cpp $(pkg-config --cflags --libs holdfast) -o alone")
    inside(root, "cd /root/project; cmake -S . -B build; cmake --build build")


def fits(package, suite):
    """holdfast-fleet needs the libnats of the release that it was built on."""
    return not pathlib.Path(package).name.startswith("holdfast-fleet_") or f"VERSION_CODENAME={suite}\n" in pathlib.Path("/etc/os-release").read_text()


def main():
    skip_without_websockets()
    suite, packages = sys.argv[1], [package for package in sys.argv[2:] if fits(package, sys.argv[1])]
    with fresh_root(suite) as root:
        install(root, packages)
        build_first_program(root)
        for program in ("/root/project/alone", "/root/project/build/first"):
            lives("chroot", str(root), program)
        with EchoServer() as server:
            assert "it works" in inside(root, f"holdfast doctor {server.url}")
        told = inside(root, "holdfast fleet status --fleet bots --nats nats://127.0.0.1:1 2>&1 || true")
        known = any("holdfast-fleet_" in package for package in packages)
        assert ("cannot be reached" if known else "holdfast-fleet is not installed") in told, told
        compiler = inside(root, "g++ --version").splitlines()[0]
    print(f"{suite}: {', '.join(pathlib.Path(package).name for package in packages)}: the first program lives, and so does the tool ({compiler})")


if __name__ == "__main__":
    main()
