#!/usr/bin/env python3
"""Which rows of docs/requirements.md have a test that says `covers ROW`.

Prints the rows without a test. Fails if one of them is not in LATER, and if a row of LATER has a test after
all, so that the list stays true.
"""
import re
import sys
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parent.parent / "docs/requirements.md"
ROWS = re.findall(r"^\| ([GR]\d+) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)

LATER = {
    "R46": "packaging: checked by CI, not by a test of ours",
}

COMMENT = re.compile(r"(?://|#).*?\bcovers\s+((?:[GR]\d+\b[\s,]*)+)")
ROW = re.compile(r"[GR]\d+")


def rows_covered_by(text):
    """Rows may go on after a line break, if the next line is a comment that begins with one."""
    joined = re.sub(r"(covers [GR\d,\s]*?),\s*\n\s*(?://|#)\s*(?=[GR]\d)", r"\1, ", text)
    return {row for match in COMMENT.finditer(joined) for row in ROW.findall(match.group(1))}


def order(row):
    return row[0], int(row[1:])


def main():
    tests = Path(__file__).resolve().parent
    covered = {}
    for path in sorted([*tests.rglob("*.cpp"), *tests.rglob("*.py")]):
        if path == Path(__file__).resolve():
            continue
        for row in rows_covered_by(path.read_text(encoding="utf-8")):
            covered.setdefault(row, []).append(path.relative_to(tests).as_posix())

    failed = False
    for row in sorted(set(covered) - set(ROWS), key=order):
        failed = True
        print(f"{row}: no such row, named in {', '.join(covered[row])}")
    for row in ROWS:
        if row in covered and row in LATER:
            failed = True
            print(f"{row}: is in LATER ({LATER[row]}), but has a test in {', '.join(covered[row])}")
        elif row not in covered and row in LATER:
            print(f"{row}: later ({LATER[row]})")
        elif row not in covered:
            failed = True
            print(f"{row}: NO TEST")
    print(f"{len(set(covered) & set(ROWS))} of {len(ROWS)} rows have a test")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
