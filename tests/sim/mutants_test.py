"""Each bug of tests/sim/mutants can be planted in src/ as it is now, and src/ itself has none."""
import pathlib
import subprocess
import sys
import tempfile

here = pathlib.Path(__file__).resolve().parent
source = here.parent.parent / "src"
mutants = here / "mutants"


def plant(edits, output):
    return subprocess.run([sys.executable, str(here / "apply_mutants.py"), str(source), str(edits), str(output)],
                          stderr=subprocess.PIPE, text=True, check=False, timeout=60)


def state_of(directory):
    return {path: (path.stat().st_mtime_ns, path.read_text(encoding="utf-8"))
            for path in directory.rglob("*") if path.is_file()}


def each_bug_can_be_planted(scratch):
    output = scratch / "src"
    done = plant(mutants, output)
    if done.returncode != 0:
        return [done.stderr.strip(), "Adapt these files in tests/sim/mutants to the code as it is now."]
    before = state_of(output)
    code = "".join(text for _, text in before.values())
    problems = [f"{path.stem} is not in the copy" for path in mutants.glob("*.edit")
                if f"planted::has(planted::bug::{path.stem})" not in code]
    if plant(mutants, output).returncode != 0 or state_of(output) != before:
        problems.append("planting twice has written files that have not changed")
    return problems


def each_edit_that_does_not_match_is_reported(scratch):
    edits = scratch / "edits"
    edits.mkdir()
    for name in ("first", "second"):
        edit = f"# Never found.\n\nsrc/no/such_file.cpp\n- {name} text\n+ planted::has(planted::bug::{name})\n"
        (edits / f"{name}.edit").write_text(edit, encoding="utf-8")
    done = plant(edits, scratch / "nothing")
    reported = done.stderr.splitlines()
    as_expected = done.returncode == 1 and len(reported) == 2 and not (scratch / "nothing").exists() and all(
        name in line and "src/no/such_file.cpp" in line and f"{name} text" in line
        for name, line in zip(("first", "second"), reported))
    return [] if as_expected else [f"two edits that do not match ended with {done.returncode}: {done.stderr!r}"]


def the_sources_have_no_bugs():
    return [f"{path}: planted bugs belong in tests/sim/mutants" for path in sorted(source.rglob("*"))
            if path.is_file() and "planted" in path.read_text(encoding="utf-8")]


with tempfile.TemporaryDirectory() as scratch_name:
    found = [*each_bug_can_be_planted(pathlib.Path(scratch_name)),
             *each_edit_that_does_not_match_is_reported(pathlib.Path(scratch_name)), *the_sources_have_no_bugs()]
sys.exit("\n".join(found) or 0)
