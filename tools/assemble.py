#!/usr/bin/env python3
"""Makes what is compiled of the sources: assemble.py headers|modules [--src FOLDER] [--installed] SOURCE OUT.

The sources are small files, as people read them: an interface unit for each idea, and its bodies. To compile them one by
one is to read Boost's headers 150 times. So the units of a module are put into one, in the order of their
imports, below one block of includes, and the bodies of a folder into one:

    modules    OUT/modules/holdfast.core.cppm, …   with OUT/src/FOLDER.cpp
    headers    OUT/include/holdfast/core.hpp, …    with OUT/src/FOLDER.cpp, and, under their own paths, the programs that
                                                   import a module, with an include in the place of each import

Compilers and debuggers name the lines of the sources. A file that would be the same is not written again, so that what
depends on it is not compiled again; one that nothing is made into any more is removed.
"""
import argparse
import pathlib
import re

MODULE = re.compile(r"^(?:export )?module ([\w.]+)(:\w+)?;$", re.M)
IMPORT = re.compile(r"^(?:export )?import ([\w.]*)(:\w+)?;$", re.M)
FRAGMENT = re.compile(r"^module;$", re.M)
EXPORT = re.compile(r"^export ", re.M)
PROGRAMS = ("tests", "examples", "tool", "bench", "fuzz")


class Unit:
    """A unit of a module, interface or body, taken apart."""

    def __init__(self, path):
        text = path.read_text(encoding="utf-8")
        declared = MODULE.search(text)
        if declared is None:
            raise SystemExit(f"assemble.py: {path}: no module declaration")
        self.path = path
        self.module, self.partition = declared[1], declared[2]
        head, body = text[: declared.start()], text[declared.end():]
        self.head = FRAGMENT.sub("", head).splitlines()
        self.imports = IMPORT.findall(body)
        line = text[: declared.end()].count("\n") + 1
        self.place = f'#line {line} "{path}"\n'
        self.body = IMPORT.sub("", body)
        if not text.endswith("\n"):
            raise SystemExit(f"assemble.py: {path}: no newline at the end")

    def includes(self):
        """What an interface unit includes; a body may choose by #if."""
        lines = [line for line in self.head if line.startswith("#")]
        if not all(line.startswith("#include ") for line in lines):
            raise SystemExit(f"assemble.py: {self.path}: only #include can stand above the declaration of an interface unit")
        return lines


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


def other_modules(units):
    return dict.fromkeys(module for unit in units for module, _ in unit.imports if module)


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


class Headers:
    """For compilers that cannot do modules, and for everything that is compiled often."""

    @staticmethod
    def name(module):
        return f"holdfast/{module.rsplit('.', 1)[-1]}.hpp"

    @classmethod
    def interface(cls, units, with_places):
        ordered = in_order_of_imports(units)
        lines = ["#pragma once", *GUARDS, *(f'#include "{cls.name(other)}"' for other in sorted(other_modules(units)))]
        lines += dict.fromkeys(line for unit in ordered for line in unit.includes())
        bodies = ((unit.place if with_places else "") + EXPORT.sub("", unit.body) for unit in ordered)
        return "include/" + cls.name(units[0].module), "\n".join(lines) + "\n" + BEGIN + "".join(bodies) + END

    @classmethod
    def bodies(cls, bodies):
        return "".join(cls.program(unit.path) for unit in bodies)

    @classmethod
    def program(cls, path):
        text = FRAGMENT.sub("", path.read_text(encoding="utf-8"))
        text = MODULE.sub(lambda found: f'#include "{cls.name(found[1])}"', text)
        text = IMPORT.sub(lambda found: f'#include "{cls.name(found[1])}"' if found[1] else "", text)
        return f'#line 1 "{path}"\n' + text


class Modules:
    """What `import` is compiled from; a consumer's first build compiles five interface units."""

    @staticmethod
    def interface(units, with_places):
        ordered = in_order_of_imports(units)
        module = units[0].module
        lines = ["module;", *dict.fromkeys(line for unit in ordered for line in unit.includes()), f"export module {module};"]
        lines += (f"import {other};" for other in other_modules(units))
        bodies = ((unit.place if with_places else "") + unit.body for unit in ordered)
        return f"modules/{module}.cppm", "\n".join(lines) + "\n" + "".join(bodies)

    @staticmethod
    def bodies(bodies):
        lines = ["module;", *(line for unit in bodies for line in unit.head), f"module {bodies[0].module};"]
        lines += (f"import {other};" for other in other_modules(bodies))
        return "\n".join(lines) + "\n" + "".join(unit.place + unit.body for unit in bodies)


class Output:
    """The folder that is written to, which has nothing else in it in the end, but for what is to be installed."""

    def __init__(self, folder):
        self.folder = folder
        self.written = set()

    def write(self, name, text):
        path = self.folder / name
        self.written.add(path)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def remove_others(self):
        for path in [*self.folder.rglob("*.?pp"), *self.folder.rglob("*.cppm")]:
            if path not in self.written and self.folder / "installed" not in path.parents:
                path.unlink()


def write_interfaces(form, source, src, out, with_places):
    modules = {}
    for path in sorted([*source.glob("modules/*.cppm"), *src.glob("*/*.cppm")]):
        unit = Unit(path)
        modules.setdefault(unit.module, []).append(unit)
    for units in modules.values():
        name, text = form.interface(units, with_places)
        out.write(name, text)


def write_bodies(form, src, out):
    for folder in sorted(path for path in src.iterdir() if path.is_dir()):
        bodies = [Unit(path) for path in sorted(folder.glob("*.cpp"))]
        if len({unit.module for unit in bodies}) > 1:
            raise SystemExit(f"assemble.py: {folder}: bodies of several modules")
        if bodies:
            out.write(f"src/{folder.name}.cpp", form.bodies(bodies))


def write_programs(source, out):
    for name in PROGRAMS:
        for path in sorted([*(source / name).rglob("*.cpp"), *(source / name).rglob("*.hpp")]):
            out.write(path.relative_to(source), Headers.program(path))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("form", choices=("headers", "modules"))
    arguments.add_argument("--src", type=pathlib.Path, help="the folder to take in the place of SOURCE/src")
    arguments.add_argument("--installed", action="store_true", help="only interfaces, which name no files of this machine")
    arguments.add_argument("source", type=pathlib.Path)
    arguments.add_argument("out", type=pathlib.Path)
    given = arguments.parse_args()
    src = given.src or given.source / "src"
    form = Headers if given.form == "headers" else Modules

    out = Output(given.out)

    write_interfaces(form, given.source, src, out, with_places=not given.installed)
    if not given.installed:
        write_bodies(form, src, out)
        if form is Headers:
            write_programs(given.source, out)
    out.remove_others()


main()
