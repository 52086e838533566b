"""The surface of module holdfast: each name that modules/holdfast.cppm exports stands in a document for users, as a
whole word. A name that no document explains is explained or withdrawn. Takes another file as its argument."""
import pathlib
import re
import sys

FEWEST, MOST = 60, 110  # more are too many to read through; with fewer, the file was not understood
FOR_DEVELOPERS = {"architecture.md", "decisions.md", "how_we_test.md", "requirements.md"}

root = pathlib.Path(__file__).resolve().parent.parent
surface = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "modules/holdfast.cppm"
code = re.sub(r"//[^\n]*", "", surface.read_text(encoding="utf-8"))
names = re.findall(r"^using holdfast::(\w+);", code, re.MULTILINE)  # an operator is not looked up by its name

pages = [root / "README.md", *(page for page in (root / "docs").glob("*.md") if page.name not in FOR_DEVELOPERS)]
words = {word for page in pages for word in re.findall(r"\w+", page.read_text(encoding="utf-8"))}

problems = [f"{name} is exported, but no document for users names it" for name in names if name not in words]
problems += [f"{name} is exported twice" for name in sorted(set(names)) if names.count(name) > 1]
if not FEWEST <= len(names) <= MOST:
    problems.append(f"{surface.name} exports {len(names)} names: it should be {FEWEST} to {MOST}")
if len(pages) < 10:
    problems.append(f"only {len(pages)} documents were found: they are elsewhere")
sys.exit("\n".join(problems) or 0)
