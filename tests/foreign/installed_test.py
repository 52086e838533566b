"""The installed headers, as a user has them: the README's first program, by the compiler alone with pkg-config and by CMake
with Unix Makefiles, runs against a server; what is missing is one clear sentence.

Usage: installed_test.py BUILD COMPILER PROGRAM, where PROGRAM is the source of the first program.
"""
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile

from foreign_server import EchoServer, Program, skip_without_websockets

PROJECT = """cmake_minimum_required(VERSION 3.25)
project(first LANGUAGES CXX)
find_package(holdfast 0.1 CONFIG REQUIRED{components})
add_executable(first first.cpp)
target_link_libraries(first PRIVATE holdfast::headers)
"""


def run(*words, **how):
    done = subprocess.run(words, capture_output=True, text=True, **how)
    assert done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}"
    return done.stdout


def including(text):
    """The program in the other form."""
    assert "import holdfast;" in text
    return text.replace("import holdfast;", "#include <holdfast/holdfast.hpp>")


def lives(*program):
    with EchoServer() as server, Program(*program, server.url) as client:
        client.expect("^connected to ")
        client.expect("^received: hello$")
        client.process.send_signal(signal.SIGINT)
        assert client.exit_status() == 0
        server.expect("^closed 1000$")


def outlives_attempts_that_fail(*program):
    with Program(*program, "ws://127.0.0.1:1/") as client:
        for _ in range(4):
            client.expect("^disconnected .*Connection refused")
        client.process.send_signal(signal.SIGINT)
        assert client.exit_status() == 0


def flags(prefix, *packages):
    paths = ":".join(str(path) for path in prefix.glob("lib/**/pkgconfig"))
    return shlex.split(run("pkg-config", "--cflags", "--libs", *packages, env={**os.environ, "PKG_CONFIG_PATH": paths}))


def names_no_file_of_the_build(prefix, build):
    for file in [*prefix.glob("include/**/*.hpp"), *prefix.glob("lib/**/*.pc"), *prefix.glob("lib/**/*.cmake")]:
        assert str(build) not in file.read_text(encoding="utf-8"), f"{file} names {build}"


def by_the_compiler_alone(compiler, source, where, given):
    run(compiler, "-std=c++20", source, *given, "-o", where / "alone")
    lives(str(where / "alone"))
    outlives_attempts_that_fail(str(where / "alone"))


def by_cmake(compiler, source, where, prefix):
    for components in ("", " COMPONENTS headers"):
        project = where / "project"
        project.mkdir(exist_ok=True)
        (project / "first.cpp").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
        (project / "CMakeLists.txt").write_text(PROJECT.format(components=components), encoding="utf-8")
        run("cmake", "-G", "Unix Makefiles", "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DCMAKE_CXX_COMPILER={compiler}")
    run("cmake", "--build", project / "build")
    lives(str(project / "build" / "first"))


def errors(compiler, text, *options):
    done = subprocess.run([compiler, "-x", "c++", "-fsyntax-only", *options, "-"], input=text, capture_output=True, text=True)
    return re.findall(r"error: (?:#error )?\"?(holdfast[^\"\n]*)", done.stderr)


def is_refused_in_one_sentence(compiler, given):
    program = "#include <holdfast/holdfast.hpp>\nint main() {}\n"
    assert errors(compiler, program, "-std=c++17", *given)[0].startswith("holdfast needs C++20"), "C++17"
    if pathlib.Path(compiler).name.startswith("g++"):
        without = errors(compiler, program, "-std=c++20", "-fno-coroutines", *given)
        assert without[0].startswith("holdfast needs coroutines"), without
    late = "#define BOOST_ASIO_NO_DEPRECATED\n#include <boost/asio.hpp>\n" + program
    found = errors(compiler, late, "-std=c++20", *given)
    assert len(found) == 1 and found[0].startswith("holdfast is compiled without BOOST_ASIO_NO_DEPRECATED"), found


def main():
    skip_without_websockets()
    build, compiler, source = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        where = pathlib.Path(folder)
        prefix = where / "prefix"
        run("cmake", "--install", build, "--prefix", prefix, "--component", "dev")
        included = where / "first.cpp"
        included.write_text(including(source.read_text(encoding="utf-8")), encoding="utf-8")
        given = flags(prefix, "holdfast")
        names_no_file_of_the_build(prefix, build)
        by_the_compiler_alone(compiler, included, where, given)
        by_cmake(compiler, included, where, prefix)
        is_refused_in_one_sentence(compiler, given)


if __name__ == "__main__":
    main()
