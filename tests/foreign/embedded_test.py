"""The library as a part of somebody's own project: the README's first program runs against a server. By FetchContent from a
local copy, with the module; by add_subdirectory(), from headers, with a shared library and Unix Makefiles.

Usage: embedded_test.py SOURCE COMPILER, where SOURCE is the folder of the library.
"""
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

from foreign_server import EchoServer, Program, skip_without_websockets

PROJECT = """cmake_minimum_required(VERSION 3.28)
project(first LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_EXTENSIONS OFF)
{library}
add_executable(first first.cpp)
target_link_libraries(first PRIVATE holdfast::{form})
"""
FETCHED = """include(FetchContent)
FetchContent_Declare(holdfast SOURCE_DIR {source})
FetchContent_MakeAvailable(holdfast)"""
ADDED = "add_subdirectory({source} holdfast)"


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}"
    return done.stdout


def lives(program):
    with EchoServer() as server, Program(program, server.url) as client:
        client.expect("^connected to ")
        client.expect("^received: hello$")
        client.process.send_signal(signal.SIGINT)
        assert client.exit_status() == 0


def build(where, source, compiler, library, form, *settings):
    where.mkdir()
    text = (source / "examples" / "first_program.cpp").read_text(encoding="utf-8")
    if form == "headers":
        text = text.replace("import holdfast;", "#include <holdfast/holdfast.hpp>")
    (where / "first.cpp").write_text(text, encoding="utf-8")
    (where / "CMakeLists.txt").write_text(PROJECT.format(library=library.format(source=source), form=form), encoding="utf-8")
    run("cmake", "-S", where, "-B", where / "build", f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_CXX_FLAGS=-O0", *settings)
    run("cmake", "--build", where / "build", "--target", "first", "-j2")
    lives(str(where / "build" / "first"))


def shows_its_own_names_alone(library):
    names = run("nm", "-DC", "--defined-only", library).splitlines()
    ours = [name for name in names if "holdfast::" in name]
    foreign = [name for name in names if re.match(r"\S+ [TtDdBbRr] ", name) and "holdfast::" not in name]
    assert len(ours) > 100, f"{len(ours)} names of {library}"
    assert not foreign, foreign[:5]


def main():
    skip_without_websockets()
    source, compiler = pathlib.Path(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        where = pathlib.Path(folder)
        build(where / "fetched", source, compiler, FETCHED, "holdfast", "-G", "Ninja")
        build(where / "added", source, compiler, ADDED, "headers", "-G", "Unix Makefiles", "-DHOLDFAST_MODULE=OFF",
              "-DBUILD_SHARED_LIBS=ON")
        library = where / "added" / "build" / "holdfast" / "libholdfast.so"
        assert "libholdfast.so" in run("ldd", where / "added" / "build" / "first")
        shows_its_own_names_alone(library)


if __name__ == "__main__":
    main()
