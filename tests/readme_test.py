"""The first program of the README is examples/first_program.cpp, to the byte, less its first comment."""
import difflib
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
block = re.search(r"^```cpp\n(.*?)^```$", (root / "README.md").read_text(), re.MULTILINE | re.DOTALL)
if block is None:
    sys.exit("README.md has no block of ```cpp")
program = re.sub(r"\A(//.*\n)+", "", (root / "examples/first_program.cpp").read_text())
if block[1] != program:
    sys.stdout.writelines(difflib.unified_diff(program.splitlines(True), block[1].splitlines(True),
                                               "examples/first_program.cpp", "README.md"))
    sys.exit("the first program in README.md differs from examples/first_program.cpp")
