"""Reads what `llvm-cov export -summary-only` writes, and prints the share of lines that have run: per file, worst first,
then per folder. Usage: coverage_summary.py ROOT <summary.json"""
import collections
import json
import pathlib
import sys


def main():
    root = pathlib.Path(sys.argv[1])
    folders = collections.defaultdict(lambda: [0, 0])
    rows = []
    for each in json.load(sys.stdin)["data"][0]["files"]:
        path = pathlib.Path(each["filename"])
        lines = each["summary"]["lines"]
        if not path.is_relative_to(root) or lines["count"] == 0:
            continue
        name = path.relative_to(root)
        rows.append((lines["percent"], lines["count"] - lines["covered"], name.as_posix()))
        for folder in (name.parts[0], "all"):
            folders[folder][0] += lines["covered"]
            folders[folder][1] += lines["count"]
    for percent, missed, name in sorted(rows):
        print(f"{percent:6.1f} %  {missed:4} lines not run  {name}")
    for folder, (covered, count) in sorted(folders.items(), key=lambda item: item[0] == "all"):
        print(f"{100 * covered / count:6.1f} %  of {count} lines in {folder if folder == 'all' else folder + '/'}")


if __name__ == "__main__":
    main()
