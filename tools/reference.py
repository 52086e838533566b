#!/usr/bin/env python3
"""The reference of the modules, from the comments in their interface units: docs/reference, one page for each room
that exports something, and an index. What `holdfast.core` declares has a place there only if another module hands it
on (`using holdfast::name;` in modules/).

    tools/reference.py           writes the pages
    tools/reference.py --check   fails, with a line for each name without a comment and each page that is not current

A comment stands above its declaration (///) or behind it (///<). It also covers the declarations of the same name
that follow directly without a comment of their own."""
import argparse
import copy
import pathlib
import re
import sys

sys.dont_write_bytecode = True  # beside the source
from interface_units import Unit  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs/reference"
# Modules that declare what others hand on, and are no part of the interface themselves.
FLEET_CORE = "holdfast.fleet_core"  # of holdfast.fleet
CORE = "holdfast.core"  # of all others

# Names that the standard library gives a meaning to.
STANDARD_ALIASES = {"duration", "rep", "period", "iterator_concept", "value_type", "difference_type"}


def is_pair(one, next_one):
    """A constructor from the same type, and the assignment behind it."""
    return one.special and next_one.special and next_one.name == "operator=" != one.name and one.name[0] != "~"


# The check.

def without_comment(unit):
    """(line, name) of all that should have a comment and has none."""
    found = []

    def visit(entities, scope):
        covered, before = "", None
        for each in entities:
            pair = before is not None and is_pair(before, each) and covered == before.name
            if each.comment or each.name == covered or pair:
                covered = each.name
            else:
                covered = ""
                if not each.obvious and not (scope and each.kind == "alias" and each.name in STANDARD_ALIASES):
                    found.append((each.line, f"{scope}::{each.name}" if scope else each.name))
            before = each
            if each.members:
                visit(each.members, f"{scope}::{each.name}" if scope else each.name)

    visit(unit.names, "")
    return sorted(found)


# The pages.

def slug_of(heading):
    """As GitHub makes one of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


class Page:
    """Markdown with anchors as GitHub numbers them."""

    def __init__(self):
        self.lines = []
        self.slugs = {}

    def add(self, *lines):
        self.lines += [*lines, ""]

    def heading(self, level, text):
        slug = slug_of(text)
        number = self.slugs[slug] = self.slugs.get(slug, -1) + 1
        self.add("#" * level + f" `{text}`" if level > 1 else f"# {text}")
        return slug if number == 0 else f"{slug}-{number}"

    def code(self, declarations):
        self.add("```cpp", *declarations, "```")

    def text(self):
        return "\n".join(self.lines).rstrip() + "\n"


def groups(entities):
    """By name, in the order of the first of each. An assignment stays with the constructor whose comment covers it."""
    found = {}
    before = None
    for each in entities:
        pair = before is not None and is_pair(before, each) and not each.comment
        found.setdefault(before.name if pair else each.name, []).append(each)
        before = each
    return found


def blocks(overloads):
    """Those that share a comment."""
    found = []
    for each in overloads:
        if each.comment or not found:
            found.append([])
        found[-1].append(each)
    return found


class Reference:
    def __init__(self, units):
        self.units = units
        self.anchors = {}  # what a comment may name: the places (page, anchor) where that stands
        # Twice: the first time to learn the anchors, the second time to link to them.
        for _ in range(2):
            pages = {self.page_of(unit): self.room(unit) for unit in units}
        self.pages = pages
        self.pages["README.md"] = self.index()

    @staticmethod
    def page_of(unit):
        prefix = "" if unit.module in ("holdfast", "holdfast.testing") else unit.module.split(".")[-1] + "_"
        return f"{prefix}{unit.room or unit.module}.md".replace("v1_v1", "v1")

    def target_of(self, name, page):
        """Where a comment on `page` leads by `name`; None if it could be several other pages."""
        places = self.anchors.get(name, [])
        here = [place for place in places if place[0] == page]
        return (here or places)[0] if here or len({place[0] for place in places}) == 1 else None

    def prose(self, comment, page, declarations=()):
        """A comment as Markdown. Code in back quotes leads to what it names, unless that is a parameter."""
        own = {name for each in declarations for name in re.findall(r"(\w+)\s*[,)=]", each)}
        parts = re.split(r"(`[^`\n]*`)", comment)
        for number, part in enumerate(parts):
            if number % 2 == 0:
                parts[number] = re.sub(r"(?m)(?<!^)([*<`])|(\](?=[(\[]))", r"\\\g<0>", part)
                continue
            name = part[1:-1].removesuffix("()")
            target = self.target_of(name, page) if name not in own else None
            if target:
                parts[number] = f"[{part}]({'' if target[0] == page else target[0]}#{target[1]})"
        return "".join(parts)

    def room(self, unit):
        page = self.page_of(unit)
        out = Page()
        out.heading(1, f"{unit.module}:{unit.room}" if unit.room else unit.module)
        path = unit.path.relative_to(ROOT).as_posix()
        about = unit.about
        out.add(self.prose(about[:1].upper() + about[1:], page))
        out.add(f"`import {unit.module};` · [{path}](../../{path})")
        for name, overloads in groups(unit.names).items():
            self.entry(out, page, name, overloads, 2)
        return out.text()

    def entry(self, out, page, name, overloads, level):
        anchor = out.heading(level, name)
        self.remember(name, page, anchor)
        for block in blocks(overloads):
            out.code(self.shown(block))
            if block[0].comment:
                out.add(self.prose(block[0].comment, page, [each.declaration for each in block]))
            for each in block:
                self.members(out, page, name, anchor, each, level)

    def remember(self, name, page, anchor):
        places = self.anchors.setdefault(name, [])
        if (page, anchor) not in places:
            places.append((page, anchor))

    @staticmethod
    def shown(block):
        lines = []
        for each in block:
            obvious = [member for member in each.members
                       if member.obvious and not member.comment and "=" in member.declaration]
            if obvious:
                lines.append(each.declaration.removesuffix(";") + " {")
                lines += ["  " + member.declaration.replace("\n", "\n  ") for member in obvious]
                lines.append("};")
            else:
                lines.append(each.declaration)
        return lines

    def members(self, out, page, scope, anchor, entity, level):
        facts = [each for each in entity.members
                 if each.kind in ("member", "enumerator", "alias") and each.declaration]
        for each in facts:
            code = re.sub(r"\s+", " ", each.declaration.removesuffix(";"))
            comment = self.prose(each.comment, page).replace("\n", "\n  ")
            out.lines.append(f"- `{code}`" + (f" — {comment}" if comment else ""))
            self.remember(f"{scope}::{each.name}", page, anchor)
        if facts:
            out.lines.append("")
        rest = [each for each in entity.members if each not in facts and (each.comment or not each.obvious)]
        for name, overloads in groups(rest).items():
            self.entry(out, page, f"{scope}::{name}", overloads, level + 1)

    def index(self):
        out = Page()
        out.heading(1, "Reference")
        out.add("Each name that a program can use, by the floor of the house that it lives on\n"
                "([architecture](../architecture.md)), from the top down. Written by `tools/reference.py` from the\n"
                "comments in the interface units: change those, then run `./dev reference`.")
        for module in sorted({unit.module for unit in self.units}):
            mine = [unit for unit in self.units if unit.module == module]
            out.add(f"## {module}")
            floors = list(dict.fromkeys(unit.path.parent.name for unit in mine))
            for floor in reversed(floors):
                out.add(f"### {module}: {floor}")
                for unit in sorted((each for each in mine if each.path.parent.name == floor),
                                   key=lambda each: each.room):
                    page = self.page_of(unit)
                    about = self.prose(summary(unit.about), "README.md")
                    out.add(f"[`:{unit.room or unit.module}`]({page}) — {about}")
                    for name, overloads in groups(unit.names).items():
                        line = self.prose(summary(overloads[0].comment), "README.md")
                        anchor = next(place[1] for place in self.anchors[name] if place[0] == page)
                        out.lines.append(f"- [`{name}`]({page}#{anchor})" + (f" — {line}" if line else ""))
                    out.lines.append("")
        return out.text()


def summary(comment):
    """The first sentence, in one line."""
    text = re.sub(r"\s+", " ", comment.split("\n\n")[0]).strip()
    end = re.search(r"[.](?= )", text)
    return text[:end.end()] if end else text


def read_units():
    """Those that export something: of each module in the order in which its primary unit imports them."""
    paths = sorted([*ROOT.glob("modules/*.cppm"), *ROOT.glob("src/**/*.cppm")])
    units = [unit for unit in map(Unit, paths) if unit.exported]
    defined = {(unit.module, each.name) for unit in units for each in unit.names if each.defined}
    for unit in units:
        if not unit.room:
            unit.names = []  # a primary unit declares nothing, see handed_on()
        unit.names = [each for each in unit.names if each.defined or (unit.module, each.name) not in defined]
    order = {(unit.module, room): number for unit in units if not unit.room
             for number, room in enumerate(unit.imports)}
    return sorted((unit for unit in units if unit.names),
                  key=lambda unit: (unit.module, order.get((unit.module, unit.room), -1), unit.room))


def handed_on():
    """By module, the names that it hands on."""
    found = {}
    for path in sorted(ROOT.glob("modules/*.cppm")):
        code = path.read_text(encoding="utf-8")
        module = re.search(r"^export module ([\w.]+);", code, re.MULTILINE)[1]
        found[module] = re.findall(r"^using holdfast::(?:fleet::)?(operator\W+|\w+);", code, re.MULTILINE)
    return found


def core_of(module):
    return FLEET_CORE if module == "holdfast.fleet" else CORE


def for_users(declared):
    """The declared units, without those names of the cores that nobody hands on."""
    handed = {(core_of(module), name) for module, names in handed_on().items() for name in names}
    found = []
    for unit in declared:
        part = copy.copy(unit)
        if unit.module in (CORE, FLEET_CORE):
            part.names = [each for each in unit.names if (unit.module, each.name) in handed]
        found.append(part)
    return found


def as_users_see_them(units):
    """The units of the cores, once for each module that hands some of their names on, and all other units."""
    found = []
    for module, names in handed_on().items():
        if any(unit.module == module for unit in units):
            continue  # it has names of its own, and those that it hands on stand elsewhere
        for unit in (each for each in units if each.module == core_of(module)):
            part = copy.copy(unit)
            part.module = module
            part.names = [each for each in unit.names if each.name in names]
            if part.names:
                found.append(part)
    return sorted(found + [unit for unit in units if unit.module not in (CORE, FLEET_CORE)], key=lambda unit: unit.module)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true", help="write nothing; fail if something is missing")
    check = arguments.parse_args().check

    declared = read_units()
    units = as_users_see_them(declared)
    names = [Reference.page_of(unit) for unit in units]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        sys.exit("\n".join(f"two rooms would have the page {name}" for name in twice))
    pages = Reference(units).pages
    present = {path.name: path for path in PAGES.glob("*.md")}
    if not check:
        PAGES.mkdir(parents=True, exist_ok=True)
        for name, path in present.items():
            if name not in pages:
                path.unlink()
        for name, text in pages.items():
            (PAGES / name).write_text(text, encoding="utf-8")
        return
    problems = [f"{unit.path.relative_to(ROOT).as_posix()}:{line} {name}"
                for unit in for_users(declared) for line, name in without_comment(unit)]
    there = {each.name for unit in declared for each in unit.names}
    problems += [f"modules/{module}.cppm: {name} is declared nowhere"
                 for module, names in handed_on().items() for name in names if name not in there]
    committed = {name: path.read_text(encoding="utf-8") for name, path in present.items()}
    problems += [f"docs/reference/{name}: not current, run ./dev reference"
                 for name in sorted(pages.keys() | committed) if pages.get(name) != committed.get(name)]
    sys.exit("\n".join(problems) or 0)


if __name__ == "__main__":
    main()
