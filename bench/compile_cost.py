#!/usr/bin/env python3
"""Prints what it costs to compile the README's first program against the installed library: by import, by include, and
beside it a program that uses Beast alone. Seconds of processor time with -O2, linking included.

  compile_cost.py BUILD COMPILER …

BUILD is a build with modules and headers. A COMPILER that is clang imports and includes, another one includes."""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
PROGRAM = HERE.parent / "examples" / "first_program.cpp"
PROJECT = """cmake_minimum_required(VERSION 3.28)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_EXTENSIONS OFF)
project(first LANGUAGES CXX)
find_package(holdfast 0.1 CONFIG REQUIRED)
add_executable(first first.cpp)
target_link_libraries(first PRIVATE holdfast::holdfast)
"""


def seconds(*command, **how):
    before = os.times()
    done = subprocess.run(command, capture_output=True, text=True, **how)
    if done.returncode != 0:
        sys.exit(f"compile_cost.py: {' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system, done.stdout


def row(what, spent, steps=""):
    print(f"{what:<46}{spent:8.1f} s  {steps}", flush=True)


def by_import(compiler, where, prefix):
    where.mkdir()
    (where / "first.cpp").write_text(PROGRAM.read_text())
    (where / "CMakeLists.txt").write_text(PROJECT)
    seconds("cmake", "-G", "Ninja", "-S", where, "-B", where / "build", f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_CXX_FLAGS=-O2")
    for which in ("first build", "the program again"):
        spent, said = seconds("cmake", "--build", where / "build")
        steps = re.findall(r"^\[\d+/(\d+)\]", said, re.MULTILINE)[-1]
        row(f"{compiler}: import, {which}", spent, f"{steps} steps")
        time.sleep(1)  # for file systems that count in seconds
        (where / "first.cpp").touch()


def alone(compiler, source, where, *flags):
    return seconds(compiler, "-std=c++20", "-O2", source, *flags, "-o", where / "program")[0]


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    build, *compilers = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        where = pathlib.Path(folder)
        prefix = where / "prefix"
        seconds("cmake", "--install", build, "--prefix", prefix, "--component", "dev")
        paths = ":".join(str(path) for path in prefix.glob("lib/**/pkgconfig"))
        flags = shlex.split(seconds("pkg-config", "--cflags", "--libs", "holdfast", env={**os.environ, "PKG_CONFIG_PATH": paths})[1])
        included = where / "included.cpp"
        included.write_text(PROGRAM.read_text().replace("import holdfast;", "#include <holdfast/holdfast.hpp>"))
        for number, compiler in enumerate(compilers):
            if pathlib.Path(compiler).name.startswith("clang"):
                by_import(compiler, where / str(number), prefix)
            row(f"{compiler}: include", alone(compiler, included, where, *flags))
            row(f"{compiler}: Beast alone", alone(compiler, HERE / "compile_cost" / "beast_client.cpp", where))


if __name__ == "__main__":
    main()
