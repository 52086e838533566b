#!/usr/bin/env python3
"""Makes headers of the modules: headers.py [--src FOLDER] SOURCE OUT.

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
PROGRAMS = ("tests", "examples", "bench", "fuzz")


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
        self.body = f'#line {line} "{path}"\n' + EXPORT.sub("", IMPORT.sub("", body))


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


def header_text(units):
    ordered = in_order_of_imports(units)
    others = sorted({module for unit in units for module, _ in unit.imports if module})
    lines = ["#pragma once", *(f'#include "{header_of(other)}"' for other in others)]
    lines += dict.fromkeys(line for unit in ordered for line in unit.includes)
    return "\n".join(lines) + "\n" + "".join(unit.body for unit in ordered)


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
    arguments.add_argument("source", type=pathlib.Path)
    arguments.add_argument("out", type=pathlib.Path)
    given = arguments.parse_args()
    src = given.src or given.source / "src"

    modules = {}
    for path in sorted([*given.source.glob("modules/*.cppm"), *src.glob("*/*.cppm")]):
        unit = Unit(path)
        modules.setdefault(unit.module, []).append(unit)
    for module, units in modules.items():
        write(given.out / "include" / header_of(module), header_text(units))

    folders = [(src, "src"), *((given.source / name, name) for name in PROGRAMS)]
    for folder, name in folders:
        for path in sorted([*folder.rglob("*.cpp"), *folder.rglob("*.hpp")]):
            write(given.out / name / path.relative_to(folder), program_text(path))


main()
