"""The rooms of docs/architecture.md are those of the source: the table has the imports of each interface unit,
and the drawing has each room once, above all that it imports."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
text = (root / "docs/architecture.md").read_text()
problems = []

imports = {}
for unit in [*root.glob("modules/*.cppm"), *root.glob("src/*.cppm")]:
    code = unit.read_text()
    if room := re.search(r"^(?:export )?module holdfast:(\w+);", code, re.MULTILINE):
        imports[room[1]] = set(re.findall(r"^import :(\w+);", code, re.MULTILINE))

table = {}
for rooms, imported in re.findall(r"^\| ([\w, ]+) \| ([\w, ]+) \|$",
                                  text.split("| Room | Imports |")[1].split("\n\n")[0], re.MULTILINE):
    for room in rooms.split(", "):
        if room in table:
            problems.append(f"{room} is twice in the table")
        table[room] = set() if imported == "nothing of ours" else set(imported.split(", "))
for room in sorted(imports.keys() | table.keys()):
    if imports.get(room) != table.get(room):
        problems.append(f"{room}: the source imports {imports.get(room)}, the table says {table.get(room)}")

place = {}  # in the drawing: line and column
drawing = next(block for block in re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
               if "public, modules/" in block).splitlines()
middle = drawing[0].index("internal, src/")
for number, line in enumerate(drawing[1:]):
    for column, part in enumerate((line[:middle], line[middle:])):
        if room := re.match(r" ?(\w+)  ", part):
            if room[1] in place:
                problems.append(f"{room[1]} is twice in the drawing")
            place[room[1]] = (number, -column)
problems += [f"{room} is in the source or in the drawing only" for room in imports.keys() ^ place.keys()]
problems += [f"{room} imports {other}, which is not drawn below it"
             for room, others in imports.items() for other in others
             if room in place and other in place and place[other] <= place[room]]

sys.exit("\n".join(problems) or 0)
