"""No `co_await` stands in the condition of an `if`, `while`, `for`, `switch` or `assert`, or in an operand of `&&`,
`||` or `?:`. GCC 12 destroys a temporary of such a condition twice, and the program crashes. GCC 14 and 16 evaluate
`&&` wrongly: they run `co_await c()` of `a && co_await b() && co_await c()` though `co_await b()` was false.
CONTRIBUTING.md has the rule of style and shows what to write instead."""
import sys

from cpp_text import Code, check_programs, check_the_test

ASSIGNMENTS = {"=", "+=", "-=", "*=", "/=", "%=", "^=", "&=", "|=", "<<="}


class Conditions:
    """Finds what stands in a condition."""

    def __init__(self, code):
        self.code = code

    def holds(self, index):
        """Goes from bracket to bracket outwards, until a statement begins."""
        while True:
            bracket = self.code.outer[index]
            if self._is_operand(index, self.code.inside[bracket]):
                return True
            if bracket == -1 or self.code.is_body(bracket):
                return False
            if self.code.tokens[bracket] == "(":
                keyword = self.code.before(bracket, skipped={"constexpr"})
                if keyword in ("if", "while", "switch", "for"):
                    return self._is_condition(keyword, index, self.code.inside[bracket])
                if keyword == "assert":
                    return True
            index = bracket

    def _is_operand(self, index, level):
        """Whether the token is in an operand of `&&`, `||` or `?:` among the tokens of its bracket."""
        expression = self._expression(index, level)
        parts = [[]]
        for i in expression:
            parts.append([]) if self.code.tokens[i] in ASSIGNMENTS else parts[-1].append(i)
        part = next((part for part in parts if index in part), [])
        return (any(self.code.tokens[i] in ("||", "or", "and", "?") or self._is_conjunction(i) for i in part)
                or any(self.code.tokens[i] == "?" for i in expression if i < index))

    def _expression(self, index, level):
        """Returns the tokens around the given one, up to what separates statements, arguments and labels."""
        expression, questions = [], 0
        for i in level:
            token = self.code.tokens[i]
            questions += token == "?"
            label = token == ":" and questions == 0
            if token == ":" and questions > 0:
                questions -= 1
            if label or token in (";", ",") or token == "{" and self.code.is_body(i) and not self.code.is_lambda(i):
                if i >= index:
                    break
                expression, questions = [], 0
            else:
                expression.append(i)
        return expression

    def _is_conjunction(self, index):
        """Whether the token is `&&` between operands, and not that of a reference."""
        return (self.code.tokens[index] == "&&" and self.code.before(index) not in ("auto", "operator")
                and self.code.tokens[index + 1] not in (">", ")", ",", "..."))

    def _is_condition(self, keyword, index, level):
        """Whether the token is in the part of the parentheses that decides. A declaration there is allowed."""
        parts = [[]]
        for i in level:
            parts.append([]) if self.code.tokens[i] == ";" else parts[-1].append(i)
        if keyword == "for" and len(parts) < 3:
            return False  # over a range
        part = parts[1] if keyword == "for" else parts[-1]
        if index not in part:
            return False
        equals = next((at for at, i in enumerate(part) if self.code.tokens[i] == "="), None)
        return equals is None or part[equals] > index or not self._is_declaration(part[:equals])

    def _is_declaration(self, left_of_equals):
        """Whether the tokens are a type and a name, perhaps behind an attribute."""
        words = [self.code.tokens[i] for i in left_of_equals]
        while words and words[0] in ("[", "]"):
            words = words[1:]
        return (len(words) > 1 and (words[0] == "::" or words[0][0].isidentifier()) and words[-1][0].isidentifier()
                and (words[-2] in (">", "&", "&&", "*") or words[-2][0].isidentifier()))


def faults(code):
    """Returns the lines with a `co_await` in a condition."""
    if code.unmatched:
        return [code.unmatched]
    conditions = Conditions(code)
    return sorted({code.lines[i] for i in code.awaits() if conditions.holds(i)})


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


if __name__ == "__main__":
    check_the_test(faults, WRONG, RIGHT)
    if faults(Code("g();\n/*\n*/ if (a ||\n co_await f()) g();")) != [4]:
        sys.exit("this test names the wrong line")
    check_programs(faults)
