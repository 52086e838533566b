#!/usr/bin/env python3
"""Makes headers of the modules: headers.py [--src FOLDER] [--installed] SOURCE OUT.

OUT/include/holdfast gets one header for each module: its interface units in the order of their imports, below one block
of includes. The bodies, and the programs that import a module, go to OUT under their own paths, with an include in the
place of each import. The sources stay what is edited: compilers and debuggers name their lines. A file that would be
the same is not written again, so that what depends on it is not compiled again.
"""
import argparse
import pathlib
import re

MODULE = re.compile(r"^(?:export )?module ([\w.]+)(:\w+)?;$", re.M)
IMPORT = re.compile(r"^(?:export )?import ([\w.]*)(:\w+)?;$", re.M)
FRAGMENT = re.compile(r"^module;$", re.M)
EXPORT = re.compile(r"^export ", re.M)
PROGRAMS = ("tests", "examples", "tool", "bench", "fuzz")


def header_of(module):
    return f"holdfast/{module.rsplit('.', 1)[-1]}.hpp"


class Unit:
    """One interface unit, taken apart."""

    def __init__(self, path):
        text = path.read_text()
        declared = MODULE.search(text)
        if declared is None:
            raise SystemExit(f"headers.py: {path}: no module declaration")
        self.module, self.partition = declared[1], declared[2]
        head, body = text[: declared.start()], text[declared.end():]
        self.includes = [line for line in head.splitlines() if line.startswith("#")]
        if not all(line.startswith("#include ") for line in self.includes):
            raise SystemExit(f"headers.py: {path}: only #include can stand above the module declaration")
        self.imports = IMPORT.findall(body)
        line = text[: declared.end()].count("\n") + 1
        self.place = f'#line {line} "{path}"\n'
        self.body = EXPORT.sub("", IMPORT.sub("", body))


def in_order_of_imports(units):
    """Returns the units of one module so that each stands behind those that it imports."""
    by_partition = {unit.partition: unit for unit in units}
    ordered = []

    def add(unit):
        if unit in ordered:
            return
        for module, partition in unit.imports:
            if not module:
                add(by_partition[partition])
        ordered.append(unit)

    for unit in units:
        add(unit)
    return ordered


# One clear sentence for a compiler that lacks something; what changes Boost.Asio is refused by asio_settings.hpp. Beyond
# them, names are visible in a shared library, while those of Boost, instantiated in it, are not.
GUARDS = """\
#if defined(_MSVC_LANG) ? _MSVC_LANG < 202002L : __cplusplus < 202002L
#error "holdfast needs C++20: compile with -std=c++20"
#elif !defined(__cpp_impl_coroutine)
#error "holdfast needs coroutines: compile with -std=c++20 (GCC 10: and -fcoroutines; clang 14 or newer)"
#endif
#include <holdfast/asio_settings.hpp>""".splitlines()
BEGIN = "#if defined(__GNUC__)\n#pragma GCC visibility push(default)\n#endif\n"
END = "#if defined(__GNUC__)\n#pragma GCC visibility pop\n#endif\n"


def header_text(units, installed):
    ordered = in_order_of_imports(units)
    others = sorted({module for unit in units for module, _ in unit.imports if module})
    lines = ["#pragma once", *GUARDS, *(f'#include "{header_of(other)}"' for other in others)]
    lines += dict.fromkeys(line for unit in ordered for line in unit.includes)
    return "\n".join(lines) + "\n" + BEGIN + "".join(("" if installed else unit.place) + unit.body for unit in ordered) + END


def program_text(path):
    text = FRAGMENT.sub("", path.read_text())
    text = MODULE.sub(lambda found: f'#include "{header_of(found[1])}"', text)
    text = IMPORT.sub(lambda found: f'#include "{header_of(found[1])}"' if found[1] else "", text)
    return f'#line 1 "{path}"\n' + text


def write(path, text):
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--src", type=pathlib.Path, help="the folder to take in the place of SOURCE/src")
    arguments.add_argument("--installed", action="store_true", help="only headers, which name no files of this machine")
    arguments.add_argument("source", type=pathlib.Path)
    arguments.add_argument("out", type=pathlib.Path)
    given = arguments.parse_args()
    src = given.src or given.source / "src"

    modules = {}
    for path in sorted([*given.source.glob("modules/*.cppm"), *src.glob("*/*.cppm")]):
        unit = Unit(path)
        modules.setdefault(unit.module, []).append(unit)
    for module, units in modules.items():
        write(given.out / "include" / header_of(module), header_text(units, given.installed))

    if given.installed:
        return
    folders = [(src, "src"), *((given.source / name, name) for name in PROGRAMS)]
    for folder, name in folders:
        for path in sorted([*folder.rglob("*.cpp"), *folder.rglob("*.hpp")]):
            write(given.out / name / path.relative_to(folder), program_text(path))


main()
