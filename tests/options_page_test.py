"""docs/options.md has a row for each field of each option struct: in the order of its declaration, with the type and
the default of the source. The page names no field that does not exist. Takes another root as its argument."""
import pathlib
import re
import sys

ROOTS = ["options", "credentials", "close_reason"]  # besides all structs called …_options
NOT_FOR_USERS = {"tls_server_options"}  # for servers in tests

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
problems = []


def without_comments(code):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", code, flags=re.DOTALL)


def statements(body):
    """Yields the declarations of a struct as text. Bodies of functions are left out."""
    text, depth, angle = "", 0, 0
    for character in body:
        text += character
        depth += {"{": 1, "(": 1, "}": -1, ")": -1}.get(character, 0)
        if depth == 0 and (character == ";" or (character == "}" and re.search(r"\)[^;={]*\{", text))):
            yield " ".join(text.rstrip(";").split())
            text = ""


def read_field(text):
    """Returns name, type and default; None for what is not a field."""
    outside = re.sub(r"<.*>|\{.*\}|=.*", "", text)
    if re.match(r"(static|using|friend|enum|struct|template)\b", text) or "operator" in outside or "(" in outside:
        return None
    found = re.fullmatch(r"(.+?[\s>&*])(\w+)(?:\s*=\s*(.+)|\s*\{(.*)\})?", text)
    if found is None or "," in outside:
        return text, "not understood", ""
    return found[2], found[1].strip(), found[3] or found[4] or ""


structs, bodies, enums = {}, {}, {}
for unit in sorted([*root.glob("modules/**/*.cppm"), *root.glob("src/**/*.cppm")]):
    if "testing" in unit.relative_to(root).parts:
        continue
    code = without_comments(unit.read_text(encoding="utf-8"))
    for name, body in re.findall(r"^export struct (\w+) \{\n(.*?)^\};", code, re.MULTILINE | re.DOTALL):
        fields = [read for each in statements(body) if each and (read := read_field(each))]
        structs[name] = {field: (kind, default) for field, kind, default in fields}
        bodies[name] = body
    for name, body in re.findall(r"^export enum class (\w+)[^{;]*\{(.*?)\};", code, re.MULTILINE | re.DOTALL):
        enums[name] = re.findall(r"(\w+)\s*(?:=[^,]*)?(?:,|$)", body.strip())


def names_in(kind):
    return [] if "std::function" in kind else re.findall(r"\w+", kind)


wanted = set()
waiting = [*ROOTS, *(name for name in structs if name.endswith("_options") and name not in NOT_FOR_USERS)]
while waiting:
    name = waiting.pop()
    if name in wanted:
        continue
    wanted.add(name)
    if name not in structs:
        problems.append(f"the source has no exported struct {name}")
        continue
    for kind, _ in structs[name].values():
        waiting += [part for part in names_in(kind) if structs.get(part) and part != name]


def plain(kind):
    return re.sub(r"std::chrono::|std::|net::|holdfast::|\s", "", kind)


def number(text):
    """Returns the value of "32'768", "1 << 20", "16 MiB", "250ms" or "5min" (in ms); None for what is none."""
    text = text.replace("'", "")
    if found := re.fullmatch(r"(\d+)(?: << (\d+)U?)?", text):
        return int(found[1]) << int(found[2] or 0)
    factors = {" KiB": 1 << 10, " MiB": 1 << 20, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000}
    found = re.fullmatch(r"(\d+)( KiB| MiB|ms|s|min|h)", text)
    return int(found[1]) * factors[found[2]] if found else None


def has_default(kind, default, shown):
    if kind in structs:
        return default == "" and re.fullmatch(r"\[(?:above|below)\]\(#[\w-]+\)", shown)
    shown = shown.strip("`")
    if default == "" and "shared_ptr" in kind:
        return shown == "null"
    if default == "":
        return shown == "empty"
    if number(default) is not None:
        return number(shown) == number(default) and ("milliseconds" in kind) == shown.endswith(("ms", "s", "min", "h"))
    return shown == re.sub(r"^(\w+)::(\w+)$", r"\2", default) if plain(kind) in enums else shown == default


def slug(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


page = (root / "docs/options.md").read_text(encoding="utf-8")
anchors = {slug(heading) for heading in re.findall(r"^#+ (.*)$", page, re.MULTILINE)}
problems += [f"the page has no section #{link}" for link in re.findall(r"\(#([^)]*)\)", page) if link not in anchors]

described = set()
for heading, section in re.findall(r"^## (.*)\n((?:(?!^## ).*\n?)*)", page, re.MULTILINE):
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines()
            if line.startswith("| `")]
    if not rows:
        continue
    name = (re.findall(r"`(\w+)`$", heading) or [heading])[0]
    if name not in wanted:
        problems.append(f"section \"{heading}\": there is no option struct of that name")
        continue
    described.add(name)
    fields = structs.get(name, {})
    shown = [row[0].strip("`") for row in rows]
    problems += [f"{name}.{field} is not on the page" for field in fields if field not in shown]
    problems += [f"{name}.{field} is on the page, but not in the source" for field in shown if field not in fields]
    if sorted(shown) == sorted(fields) and shown != list(fields):
        problems.append(f"{name}: the fields are not in the order of the source, which is {', '.join(fields)}")
    for row in rows:
        if row[0].strip("`") not in fields:
            continue
        where = f"{name}.{row[0].strip('`')}"
        kind, default = fields[row[0].strip("`")]
        if len(row) != 5:
            problems.append(f"{where}: the row has {len(row)} cells")
            continue
        if plain(row[1].strip("`")) != plain(kind):
            problems.append(f"{where} has the type {kind}, the page says {row[1]}")
        if not has_default(kind, default, row[2]):
            problems.append(f"{where} has the default \"{default or '{}'}\", the page says {row[2]}")
        unit = "ms" if "milliseconds" in kind else "bytes" if where.endswith("_bytes") else row[3]
        if row[3] != unit:
            problems.append(f"{where} is in {unit}, the page says {row[3] or 'nothing'}")
        problems += [f"{where}: `{each}` of {part} is not explained" for part in names_in(kind) if part in enums
                     for each in enums[part] if f"`{each}`" not in row[2] + row[4]]
problems += [f"{name} has no section" for name in sorted(wanted - described)]

groups = {field: kind for field, (kind, _) in structs.get("options", {}).items() if kind in structs}
for first, second, inside in re.findall(r"`(\w+)(\.|::)(\w+)", page):
    name = groups.get(first, first) if second == "." else first
    if name in structs and not re.search(rf"\b{inside}\b", without_comments(bodies[name])):
        problems.append(f"the page names {first}{second}{inside}, which does not exist")

if len(wanted) < 10 or not all(structs.get(name) for name in wanted):
    problems.append(f"the source was not understood: {sorted(name for name in wanted if not structs.get(name))}")
sys.exit("\n".join(problems) or 0)
