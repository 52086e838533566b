"""The installed library, as a user has it: the README's first program runs against a server. From headers it is compiled
by the compiler alone with pkg-config, and by CMake with Unix Makefiles, and what is missing is one clear sentence; by
import it is compiled by CMake with Ninja, in few steps.

Usage: installed_test.py BUILD FORMS COMPILER PROGRAM [OPTION …], where FORMS is module, header or module,header, PROGRAM is
the source of the first program, and OPTION is what the compiler needs because the library was compiled with it, such as
-fsanitize=address.
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
IMPORTING = """cmake_minimum_required(VERSION 3.28)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_EXTENSIONS OFF)
project(first LANGUAGES CXX)
find_package(holdfast 0.1 CONFIG REQUIRED)
add_executable(first first.cpp)
target_link_libraries(first PRIVATE holdfast::holdfast)
"""
MOST_STEPS = 30  # of a consumer's first build by import


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


def names_no_file_of_this_machine(prefix, *folders):
    kinds = ("include/**/*.hpp", "share/**/*.cppm", "lib/**/*.pc", "lib/**/*.cmake")
    files = [file for kind in kinds for file in prefix.glob(kind)]
    assert files, "nothing is installed"
    for file in files:
        text = file.read_text(encoding="utf-8")
        for folder in folders:
            assert str(folder) not in text, f"{file} names {folder}"


def by_the_compiler_alone(compiler, options, source, where, given):
    run(compiler, "-std=c++20", *options, source, *given, "-o", where / "alone")
    lives(str(where / "alone"))
    outlives_attempts_that_fail(str(where / "alone"))


def by_import(compiler, options, source, where, prefix):
    project = where / "importing"
    project.mkdir()
    (project / "first.cpp").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    (project / "CMakeLists.txt").write_text(IMPORTING, encoding="utf-8")
    run("cmake", "-G", "Ninja", "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_CXX_COMPILER={compiler}", f"-DCMAKE_CXX_FLAGS={' '.join(options)}", "-DCMAKE_BUILD_TYPE=Release")
    steps = re.findall(r"^\[\d+/(\d+)\]", run("cmake", "--build", project / "build"), re.MULTILINE)
    assert 0 < int(steps[-1]) < MOST_STEPS, f"{steps[-1]} steps"
    lives(str(project / "build" / "first"))


def by_cmake(compiler, options, source, where, prefix):
    for components in ("", " COMPONENTS headers"):
        project = where / "project"
        project.mkdir(exist_ok=True)
        (project / "first.cpp").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
        (project / "CMakeLists.txt").write_text(PROJECT.format(components=components), encoding="utf-8")
        run("cmake", "-G", "Unix Makefiles", "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DCMAKE_CXX_COMPILER={compiler}", f"-DCMAKE_CXX_FLAGS={' '.join(options)}")
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
    build, forms, compiler, source = pathlib.Path(sys.argv[1]), sys.argv[2].split(","), sys.argv[3], pathlib.Path(sys.argv[4])
    options = sys.argv[5:]
    with tempfile.TemporaryDirectory() as folder:
        where = pathlib.Path(folder)
        prefix = where / "prefix"
        run("cmake", "--install", build, "--prefix", prefix, "--component", "dev")
        names_no_file_of_this_machine(prefix, build, source.parents[1] / "src")
        if "header" in forms:
            included = where / "first.cpp"
            included.write_text(including(source.read_text(encoding="utf-8")), encoding="utf-8")
            given = flags(prefix, "holdfast")
            by_the_compiler_alone(compiler, options, included, where, given)
            by_cmake(compiler, options, included, where, prefix)
            is_refused_in_one_sentence(compiler, given)
        if "module" in forms:
            by_import(compiler, options, source, where, prefix)


if __name__ == "__main__":
    main()
