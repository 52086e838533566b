"""The floors of the house are the folders below src/: nothing imports upwards. The order is that of
docs/architecture.md, which lists each floor once, from the top, with all of its units."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
problems = []


def floors_in_the_document():
    """Pairs of a floor and its units, the highest floor first."""
    text = (root / "docs/architecture.md").read_text()
    table = text.split("| Floor | Units | Holds |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)/` \| ([^|]+) \| [^|]+ \|$", table, re.MULTILINE)
    return [(floor, set(re.findall(r"\w+", units))) for floor, units in rows]


def module_of(code):
    """The module and the partition that a file belongs to, or None."""
    found = re.search(r"^(?:export )?module ([\w.]+)(?::(\w+))?;", code, re.MULTILINE)
    return found and (found[1], found[2])


documented = floors_in_the_document()
height = {floor: -number for number, (floor, _) in enumerate(documented)}
folders = {path.name for path in (root / "src").iterdir() if path.is_dir()}
problems += [f"src/{each}/ is a folder or a row of docs/architecture.md, not both" for each in folders ^ height.keys()]
problems += [f"{path.relative_to(root)} stands on no floor" for path in (root / "src").glob("*.*")]

floor_of = {}  # by module and partition
files = {}
for path in sorted((root / "src").glob("*/*.cpp*")):
    code = path.read_text()
    files[path] = code
    if path.suffix != ".cppm":
        continue
    module, partition = module_of(code)
    floor_of[module, partition] = path.parent.name
    if partition != path.stem:
        problems.append(f"{path.relative_to(root)} is the unit :{partition}")

for floor, units in documented:
    present = {partition for (_, partition), where in floor_of.items() if where == floor}
    problems += [f"{floor}: {unit} is in the folder or in docs/architecture.md, not both" for unit in present ^ units]

count = 0
for path, code in files.items():
    module, _ = module_of(code)
    for partition in re.findall(r"^(?:export )?import :(\w+);", code, re.MULTILINE):
        count += 1
        below = floor_of.get((module, partition))
        if below is None:
            problems.append(f"{path.relative_to(root)} imports :{partition}, which is nowhere")
        elif height.get(below, 0) > height.get(path.parent.name, 0):
            problems.append(f"{path.relative_to(root)} imports :{partition} from {below}/, which is above it")

# A body stands beside the unit that declares what it defines.
for path, code in files.items():
    if path.suffix == ".cpp" and not list(path.parent.glob("*.cppm")):
        problems.append(f"{path.relative_to(root)} stands beside no unit")

if count < 100:
    problems.append(f"only {count} imports were found: this test does not read the sources any more")
sys.exit("\n".join(problems) or 0)
