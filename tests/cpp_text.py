"""C++ as tokens and brackets: what the tests read that hold sources and documents to a rule of style. They know no types,
and no meaning beyond that of brackets."""
import pathlib
import re
import sys

LEXEME = re.compile(r"""
    (?P<nothing>\s+ | //(?:\\\n|[^\n])* | /\*.*?\*/ | \#(?:\\\n|[^\n])*)
  | (?P<literal>(?:u8|[uUL])?R"(?P<mark>[^()\s\\]*)\(.*?\)(?P=mark)"
              | (?:u8|[uUL])?"(?:\\.|[^"\\\n])*" | (?:u8|[uUL])?'(?:\\.|[^'\\\n])*')
  | (?P<number>\.?\d(?:[eEpP][+-]|'?[\w.])*)
  | [A-Za-z_]\w* | && | \|\| | <=> | [=!<>]= | -> | :: | \.\.\. | <<= | [-+*/%^&|]= | .
""", re.DOTALL | re.VERBOSE)
CLOSING = {"(": ")", "[": "]", "{": "}"}


class Code:
    """The tokens of a text, each with the bracket that encloses it directly."""

    def __init__(self, text):
        self.tokens, self.lines = [], []
        self.outer = []          # of each token: the index of its bracket, -1 outside of all
        self.inside = {-1: []}   # of each opening bracket: the tokens directly within; a nested bracket is one token
        self.partner = {}        # of each closing bracket: the opening one
        self.unmatched = None    # the line of the first bracket without a partner
        open_brackets, line = [-1], 1
        for match in LEXEME.finditer(text):
            if match["nothing"] is None:
                self._add('""' if match["literal"] else match[0], line, open_brackets)
            line += match[0].count("\n")
        if len(open_brackets) > 1:
            self.unmatched = self.unmatched or self.lines[open_brackets[-1]]

    def _add(self, token, line, open_brackets):
        index = len(self.tokens)
        if token in CLOSING.values():
            if open_brackets[-1] != -1 and CLOSING[self.tokens[open_brackets[-1]]] == token:
                self.partner[index] = open_brackets.pop()
            else:
                self.unmatched = self.unmatched or line
        else:
            self.inside[open_brackets[-1]].append(index)
        self.tokens.append(token)
        self.lines.append(line)
        self.outer.append(open_brackets[-1])
        if token in CLOSING:
            open_brackets.append(index)
            self.inside[index] = []

    def is_body(self, bracket):
        """Whether the bracket holds statements, and not the values of an initializer."""
        return self.tokens[bracket] == "{" and (
            self.before(bracket) in (")", "]", "else", "do", "try", "mutable", "noexcept")
            or any(self.tokens[i] == ";" for i in self.inside[bracket]))

    def is_lambda(self, body):
        """Whether the body is that of a lambda: an expression may go on after it."""
        i = body - 1
        while i >= 0 and (self.tokens[i] in ("->", "::", "<", ">", ",", "*", "&") or self.tokens[i][0].isidentifier()):
            i -= 1
        if i >= 0 and self.tokens[i] == ")":
            i = self.partner[i] - 1
            if i >= 0 and self.tokens[i] == ">":  # its template parameters
                while i >= 0 and self.tokens[i] not in ("]", ";", "{", "}"):
                    i -= 1
        return i >= 0 and self.tokens[i] == "]" and self.before(self.partner[i]) != "operator"

    def before(self, index, skipped=()):
        index -= 1
        while index >= 0 and self.tokens[index] in skipped:
            index -= 1
        return self.tokens[index] if index >= 0 else ""

    def awaits(self):
        """Returns the indices of all `co_await`."""
        return [i for i, token in enumerate(self.tokens) if token == "co_await"]


def programs(root):
    """Yields the path, the first line and the text of each file and of each block in a document."""
    for folder in ("src", "modules", "tests", "examples", "tool", "fuzz", "bench"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".cpp", ".cppm", ".hpp"):
                yield path, 1, path.read_text(encoding="utf-8")
    for path in (root / "README.md", *sorted((root / "docs").glob("*.md"))):
        text = path.read_text(encoding="utf-8")
        for block in re.finditer(r"^```cpp\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            yield path, text.count("\n", 0, block.start(1)) + 1, block[1]


def check_the_test(faults, wrong, right):
    """Ends the test if it finds a fault in what is right, or none in what is wrong."""
    for snippets, expected in ((wrong, True), (right, False)):
        for snippet in snippets:
            for code in (snippet, f"void a() {{ b();\n{snippet}\nc(); }}", f"x.y([](auto&& z) {{\n{snippet}\n}});"):
                if bool(faults(Code(code))) != expected:
                    sys.exit(f"this test takes for {'right' if expected else 'wrong'}: {code}")


def check_programs(faults):
    """Ends the test with the places of all faults: `faults` takes a Code and returns lines."""
    root = pathlib.Path(__file__).resolve().parent.parent
    count, found = 0, []
    for path, first, text in programs(root):
        code = Code(text)
        count += len(code.awaits())
        found += [f"{path.relative_to(root)}:{first + line - 1}: {text.splitlines()[line - 1].strip()}"
                  for line in ([code.unmatched] if code.unmatched else faults(code))]
    if count == 0:
        found.append("no co_await was found at all: the files are elsewhere")
    sys.exit("\n".join(found) or 0)
