"""The programs that the documents show are the files that are compiled and run, to the byte, less their first
comment. Functions and snippets stand in such files as they stand in the documents."""
import difflib
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = {
    "README.md": ["examples/first_program.cpp"],
    "docs/testing.md": ["examples/testing/half_open.cpp", "examples/testing/outage.cpp",
                        "examples/testing/banner.cpp", "examples/testing/drain.cpp", "examples/testing/dropped_news.cpp"],
    "docs/recipes.md": [f"examples/recipes/{path.name}" for path in sorted(root.glob("examples/recipes/*.cpp"))],
    "docs/fleet.md": ["examples/fleet/worker.cpp", "examples/fleet/sender.cpp"],
    "docs/extending.md": [f"examples/extending/{path.name}" for path in sorted(root.glob("examples/extending/*.?pp"))],
}

# Functions of a document that stand as they are in a file which is compiled and run.
FUNCTIONS = {"docs/asio.md": "tests/scenarios/time_limits_test.cpp",
             "docs/extending.md": "tests/loopback/bound_network_test.cpp"}

# All other C++ of a document stands in a file which is compiled and run, there perhaps indented.
SNIPPETS = {f"docs/{page}.md": "tests/scenarios/snippets_test.cpp"
            for page in ("messages", "options", "performance", "retry", "states")}
SNIPPETS["docs/channels.md"] = "tests/scenarios/channels_snippets_test.cpp"


def without_indentation(code):
    return "\n".join(line.strip() for line in code.splitlines()) + "\n"


different = []
for document, files in PROGRAMS.items():
    blocks = re.findall(r"^```cpp\n(.*?)^```$", (root / document).read_text(), re.MULTILINE | re.DOTALL)
    for file in files:
        program = re.sub(r"\A(//.*\n)+", "", (root / file).read_text())
        if program in blocks:
            continue
        different.append(f"{document} does not show {file} as it is")
        nearest = max(blocks, key=lambda block: difflib.SequenceMatcher(None, program, block).quick_ratio(), default="")
        sys.stdout.writelines(difflib.unified_diff(program.splitlines(True), nearest.splitlines(True), file, document))
for document, file in FUNCTIONS.items():
    blocks = re.findall(r"^```cpp\n(net::awaitable<.*?)^```$", (root / document).read_text(), re.MULTILINE | re.DOTALL)
    if not blocks:
        different.append(f"{document} shows no function any more")
    different += [f"{file} does not have the function that {document} shows: {block.splitlines()[0]}"
                  for block in blocks if block not in (root / file).read_text()]
for document, file in SNIPPETS.items():
    blocks = re.findall(r"^```cpp\n(.*?)^```$", (root / document).read_text(), re.MULTILINE | re.DOTALL)
    snippets = [block for block in blocks if "int main(" not in block]
    if not snippets:
        different.append(f"{document} shows no snippet any more")
    code = without_indentation((root / file).read_text())
    different += [f"{file} does not have the snippet that {document} shows: {snippet.splitlines()[0]}"
                  for snippet in snippets if without_indentation(snippet) not in code]
sys.exit("\n".join(different) or 0)
