"""No `co_await` stands in the condition of an `if`, `while`, `for`, `switch` or `assert`, or in an operand of `&&`,
`||` or `?:`. GCC 12 destroys a temporary of such a condition twice, and the program crashes. GCC 14 and 16 evaluate
`&&` wrongly: they run `co_await c()` of `a && co_await b() && co_await c()` though `co_await b()` was false.
CONTRIBUTING.md has the rule of style and shows what to write instead."""
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
ASSIGNMENTS = {"=", "+=", "-=", "*=", "/=", "%=", "^=", "&=", "|=", "<<="}


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

    def faults(self):
        """Returns the lines with a `co_await` in a condition."""
        if self.unmatched:
            return [self.unmatched]
        return sorted({self.lines[i] for i, token in enumerate(self.tokens)
                       if token == "co_await" and self._in_condition(i)})

    def _in_condition(self, index):
        """Goes from bracket to bracket outwards, until a statement begins."""
        while True:
            bracket = self.outer[index]
            if self._is_operand(index, self.inside[bracket]):
                return True
            if bracket == -1 or self._is_body(bracket):
                return False
            if self.tokens[bracket] == "(":
                keyword = self._before(bracket, skipped={"constexpr"})
                if keyword in ("if", "while", "switch", "for"):
                    return self._is_condition(keyword, index, self.inside[bracket])
                if keyword == "assert":
                    return True
            index = bracket

    def _is_operand(self, index, level):
        """Whether the token is in an operand of `&&`, `||` or `?:` among the tokens of its bracket."""
        expression = self._expression(index, level)
        parts = [[]]
        for i in expression:
            parts.append([]) if self.tokens[i] in ASSIGNMENTS else parts[-1].append(i)
        part = next((part for part in parts if index in part), [])
        return (any(self.tokens[i] in ("||", "or", "and", "?") or self._is_conjunction(i) for i in part)
                or any(self.tokens[i] == "?" for i in expression if i < index))

    def _expression(self, index, level):
        """Returns the tokens around the given one, up to what separates statements, arguments and labels."""
        expression, questions = [], 0
        for i in level:
            token = self.tokens[i]
            questions += token == "?"
            label = token == ":" and questions == 0
            if token == ":" and questions > 0:
                questions -= 1
            if label or token in (";", ",") or token == "{" and self._is_body(i) and not self._is_lambda(i):
                if i >= index:
                    break
                expression, questions = [], 0
            else:
                expression.append(i)
        return expression

    def _is_conjunction(self, index):
        """Whether the token is `&&` between operands, and not that of a reference."""
        return (self.tokens[index] == "&&" and self._before(index) not in ("auto", "operator")
                and self.tokens[index + 1] not in (">", ")", ",", "..."))

    def _is_condition(self, keyword, index, level):
        """Whether the token is in the part of the parentheses that decides. A declaration there is allowed."""
        parts = [[]]
        for i in level:
            parts.append([]) if self.tokens[i] == ";" else parts[-1].append(i)
        if keyword == "for" and len(parts) < 3:
            return False  # over a range
        part = parts[1] if keyword == "for" else parts[-1]
        if index not in part:
            return False
        equals = next((at for at, i in enumerate(part) if self.tokens[i] == "="), None)
        return equals is None or part[equals] > index or not self._is_declaration(part[:equals])

    def _is_declaration(self, left_of_equals):
        """Whether the tokens are a type and a name, perhaps behind an attribute."""
        words = [self.tokens[i] for i in left_of_equals]
        while words and words[0] in ("[", "]"):
            words = words[1:]
        return (len(words) > 1 and (words[0] == "::" or words[0][0].isidentifier()) and words[-1][0].isidentifier()
                and (words[-2] in (">", "&", "&&", "*") or words[-2][0].isidentifier()))

    def _is_body(self, bracket):
        """Whether the bracket holds statements, and not the values of an initializer."""
        return self.tokens[bracket] == "{" and (
            self._before(bracket) in (")", "]", "else", "do", "try", "mutable", "noexcept")
            or any(self.tokens[i] == ";" for i in self.inside[bracket]))

    def _is_lambda(self, body):
        """Whether the body is that of a lambda: an expression may go on after it."""
        i = body - 1
        while i >= 0 and (self.tokens[i] in ("->", "::", "<", ">", ",", "*", "&") or self.tokens[i][0].isidentifier()):
            i -= 1
        if i >= 0 and self.tokens[i] == ")":
            i = self.partner[i] - 1
            if i >= 0 and self.tokens[i] == ">":  # its template parameters
                while i >= 0 and self.tokens[i] not in ("]", ";", "{", "}"):
                    i -= 1
        return i >= 0 and self.tokens[i] == "]" and self._before(self.partner[i]) != "operator"

    def _before(self, index, skipped=()):
        index -= 1
        while index >= 0 and self.tokens[index] in skipped:
            index -= 1
        return self.tokens[index] if index >= 0 else ""


WRONG = [
    "if (co_await f()) g();",
    "if (!co_await f()) g();",
    "if (g(1, {co_await f()})) h();",
    "if ((co_await f()).value == 1) g();",
    "if (x = co_await f()) g();",
    "if (const bool a = b(); co_await f(a)) g();",
    "if constexpr (co_await f()) g();",
    "if (\n    // why\n    co_await f()) g();",
    "if (a) { b(); } else if (co_await f()) g();",
    "while (co_await f()) {}",
    "do { g(); } while (co_await f());",
    "switch (int(co_await f())) { default: g(); }",
    "for (std::string s; co_await f(s);) s.clear();",
    "for (int i = 0; i < co_await f(); ++i) g();",
    "assert(co_await f());",
    "co_return a && co_await f();",
    "const bool x = co_await f() && a;",
    "const bool x = a or co_await f();",
    "const bool x = g(a, b || h(co_await f()));",
    "bool&& x = a && co_await f();",
    "const int x = co_await f() ? 1 : 2;",
    "const int x = a ? co_await f() : 2;",
    "const int x = a ? 1 : co_await f();",
    "a ? b = co_await f() : c;",
    "a ? b : c = co_await f();",
    "if (auto x = a && co_await f()) g();",
    "if (auto x = a && co_await f(); x) g();",
    "co_await (a && co_await f());",
    "g(\"(\", '(', R\"x()\" ()x\", 20'000, a && co_await f());",
    "if (g([&] { co_return a && co_await f(); })) h();",
    "if (g([&] { if (co_await f()) h(); })) h();",
    "const bool x = [&] { return a; }() && co_await f();",
    "const bool x = []<class T>(T y) mutable -> bool { return y; }(a) && co_await f();",
    "for (auto x : a ? co_await f() : b) g();",
    "case 1: a && co_await f();",
    "if (co_await f() {}",  # a bracket is missing: what the text means is not known
]
RIGHT = [
    "if (const bool ok = co_await f(); !ok) g();",
    "if (co_await f(); a) g();",
    "if (auto x = co_await f()) g();",
    "if (const std::optional<int>& x = g(co_await f())) h();",
    "if (const auto [ec, n] = co_await f(); ec) g();",
    "while (const auto next = co_await f()) {}",
    "while ([[maybe_unused]] const bool more = co_await f()) {}",
    "for (std::string s; const bool more = co_await f(s);) g();",
    "for (auto&& x : co_await f()) g();",
    "for (int i = co_await f(); i < 1; i += co_await f()) g();",
    "if (a && b) co_await f();",
    "if (a && b) { g(); } co_await f();",
    "while (a || b) co_await f();",
    "co_await (a && b);",
    "co_await f(a && b ? c : d);",
    "g(a && b, co_await f());",
    "const bool x = !co_await f();",
    "auto&& x = co_await f();",
    "T&& x = co_await f();",
    "auto x = static_cast<T&&>(co_await f());",
    "x[co_await f()] = a ? b : c;",
    "x = co_await f(); y = a && b;",
    "if (g([&] { co_await f(); })) h();",
    "if (g([&]() -> net::awaitable<bool> { if (a) { co_return co_await f(); } })) h();",
    "const auto x = a && g([&] { co_await f(); });",
    "// if (co_await f())\n/* a && co_await f() */ g(\"if (co_await f())\", R\"(a && co_await f())\");",
    "#if A && B\nco_await f();\n#endif",
    "switch (a) { case 1: co_await f(); break; default: b = c && d; }",
]


def check_this_test():
    for snippets, expected in ((WRONG, True), (RIGHT, False)):
        for snippet in snippets:
            for code in (snippet, f"void a() {{ b();\n{snippet}\nc(); }}", f"x.y([](auto&& z) {{\n{snippet}\n}});"):
                if bool(Code(code).faults()) != expected:
                    sys.exit(f"this test takes for {'right' if expected else 'wrong'}: {code}")
    if Code("g();\n/*\n*/ if (a ||\n co_await f()) g();").faults() != [4]:
        sys.exit("this test names the wrong line")


def programs(root):
    """Yields the path, the first line and the text of each file and of each block in a document."""
    for folder in ("src", "modules", "tests", "examples", "fuzz", "bench"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".cpp", ".cppm", ".hpp"):
                yield path, 1, path.read_text(encoding="utf-8")
    for path in (root / "README.md", *sorted((root / "docs").glob("*.md"))):
        text = path.read_text(encoding="utf-8")
        for block in re.finditer(r"^```cpp\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            yield path, text.count("\n", 0, block.start(1)) + 1, block[1]


def main():
    check_this_test()
    root = pathlib.Path(__file__).resolve().parent.parent
    count, found = 0, []
    for path, first, text in programs(root):
        code = Code(text)
        count += code.tokens.count("co_await")
        found += [f"{path.relative_to(root)}:{first + line - 1}: {text.splitlines()[line - 1].strip()}"
                  for line in code.faults()]
    if count == 0:
        found.append("no co_await was found at all: the files are elsewhere")
    sys.exit("\n".join(found) or 0)


if __name__ == "__main__":
    main()
