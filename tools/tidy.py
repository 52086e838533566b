#!/usr/bin/env python3
"""Runs clang-tidy over what a build compiles: tidy.py BUILD [CLANG_TIDY].

BUILD has compile_commands.json of the preset dev. What was put together of several files (tools/assemble.py, tests) is
read once for all of them; what is found is told by the names of the sources."""
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys

PLACE = re.compile(r"^(/[^:\n]+):(\d+):", re.MULTILINE)
LINE = re.compile(r'^#line (\d+) "([^"]+)"$')


def in_sources(said):
    """The same, with the lines of the sources in the place of those of files that were put together."""
    read = {}

    def source_of(found):
        path, number = found[1], int(found[2])
        if path not in read:
            read[path] = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
        for above in range(number - 1, 0, -1):
            marked = LINE.match(read[path][above - 1])
            if marked:
                return f"{marked[2]}:{int(marked[1]) + number - above - 1}:"
        return found[0]

    return PLACE.sub(source_of, said)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    tidy = sys.argv[2] if len(sys.argv) == 3 else "clang-tidy-19"
    units = json.loads((build / "compile_commands.json").read_text())
    # The form with headers is the same text.
    files = sorted({unit["file"] for unit in units if not unit["file"].startswith(str(build / "headers")) and
                    "cmake_pch" not in unit["file"]})

    # Tests are included by the units that share them.
    def look_at(file):
        return file, subprocess.run([tidy, "--quiet", "-p", build, "--checks=-bugprone-suspicious-include", file],
                                    capture_output=True, text=True)

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for done in concurrent.futures.as_completed([pool.submit(look_at, file) for file in files]):
            file, run = done.result()
            if run.returncode != 0:
                failed += 1
                print(in_sources(run.stdout) or f"{file}: {run.stderr}", flush=True)
    print(f"clang-tidy: {len(files)} units, {failed} with something to mend")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
