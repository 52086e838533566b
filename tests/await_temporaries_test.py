"""An expression that awaits makes no temporary that GCC 12 would destroy twice: no closure that owns what it captures, no
struct without a constructor, and no object that `?:` chooses. (It destroys such a temporary at the end of the expression, and once more with the
coroutine's frame; what it owned by a shared_ptr dies too early.) CONTRIBUTING.md has the rule of style."""
import pathlib
import re
import sys

from cpp_text import Code, check_programs, check_the_test, programs

# What holds references and numbers alone can be destroyed twice: where it is declared, and its members, because it is
# written without its name.
HARMLESS = {
    "send_options": ("src/messages/message.cppm", {"kind", "when_offline", "when_throttled", "feature", "key", "time_to_live", "session"}),
    "send_through": ("src/fleet/client.cppm", {"kind", "patience"}),
    "call_options": ("src/channels/call.cppm", {"timeout", "idempotent", "feature"}),
}


class Expressions:
    """Finds the temporaries of the expressions that await; `aggregates` are the names of structs without a constructor."""

    def __init__(self, code, aggregates):
        self.code, self.aggregates = code, aggregates
        self.closing = {opening: closing for closing, opening in code.partner.items()}

    def faults(self):
        """Returns the lines of the temporaries."""
        found = set()
        for i in self.code.awaits():
            found.update(self._temporaries(*self._around(i)))
        return sorted(self.code.lines[i] for i in found)

    def _around(self, index):
        """Returns the first and the last token of the statement, or of the statement's head, that holds the token."""
        while self.code.outer[index] != -1 and not self.code.is_body(self.code.outer[index]):
            index = self.code.outer[index]
        level = self.code.inside[self.code.outer[index]]
        first = last = level.index(index)
        while first > 0 and not self._ends_statement(level[first - 1]):
            first -= 1
        while last + 1 < len(level) and not self._ends_statement(level[last]):
            last += 1
        return level[first], self.closing.get(level[last], level[last])

    def _ends_statement(self, index):
        return self.code.tokens[index] == ";" or (
            self.code.tokens[index] == "{" and self.code.is_body(index) and not self.code.is_lambda(index))

    def _temporaries(self, first, last):
        """Yields the tokens that begin such a temporary. The body of a lambda is made of statements of its own."""
        index = first
        while index <= last:
            token = self.code.tokens[index]
            if token == "{":
                if self.code.is_body(index) or self.code.is_lambda(index):
                    index = self.closing[index]
                elif self._is_aggregate(index):
                    yield index
            elif token == "[" and self._owns(index):
                yield index
            elif token == "?" and self._arm_makes(index):
                yield index
            index += 1

    def _arm_makes(self, question):
        """Whether what is chosen may be a temporary, whose bytes GCC 12 copies, wherever they point."""
        level = self.code.inside[self.code.outer[question]]
        arms, depth = [[]], 1
        for i in level[level.index(question) + 1:]:
            depth += {"?": 1, ":": -1}.get(self.code.tokens[i], 0)
            if self.code.tokens[i] in (",", ";") or depth < 0:
                break
            arms.append([]) if self.code.tokens[i] in ("?", ":") else arms[-1].append(self.code.tokens[i])
        literal = [arm == ['""'] for arm in arms]
        return any("(" in arm or "{" in arm for arm in arms) or any(literal) and not all(literal)

    def _owns(self, bracket):
        """Whether the bracket captures by value. A subscript and an attribute capture nothing."""
        if self.code.before(bracket) not in ("(", ",", "{", "=", "co_await", "co_return", "return", "&&"):
            return False
        captures = [[]]
        for i in self.code.inside[bracket]:
            captures.append([]) if self.code.tokens[i] == "," else captures[-1].append(self.code.tokens[i])
        return any(each and each[0] not in ("&", "this", "[") for each in captures)

    def _is_aggregate(self, brace):
        inside = [self.code.tokens[i] for i in self.code.inside[brace]]
        named = {member for before, dot, member in zip([",", *inside], inside, inside[1:]) if (before, dot) == (",", ".")}
        if named and not any(named <= members for _, members in HARMLESS.values()):
            return True
        name = self.code.before(brace)
        return name in self.aggregates and name not in HARMLESS


def aggregates_of(code):
    """Returns the names of the structs that have neither a constructor nor private members."""
    found = set()
    for i, token in enumerate(code.tokens):
        if token != "struct" or not code.tokens[i + 1][0].isidentifier():
            continue
        name, brace = code.tokens[i + 1], i + 2
        while code.tokens[brace] not in ("{", ";", "(", ",", ">", ")"):
            brace += 1
        if code.tokens[brace] != "{":
            continue
        level = code.inside[brace]
        made = any(code.tokens[a] == name and code.tokens[b] == "(" and code.before(a) != "~" for a, b in zip(level, level[1:]))
        if not made and "private" not in (code.tokens[a] for a in level):
            found.add(name)
    return found


KNOWN = {"ending", "record"}
WRONG = [
    "co_await f([weak = weak_from_this()] { weak.lock(); });",
    "co_await f([text] { g(text); }, [this] { h(); });",
    "co_await f([=] { g(text); });",
    "co_await f([&a, b] { g(a, b); });",
    "const auto x = co_await f(g([*this] { h(); }));",
    "co_return co_await f(token, [self] { self->g(); });",
    "co_await [text]() -> net::awaitable<void> { co_return; }();",
    "co_await f(ending{.socket = {}});",
    "co_await f(a, ending{});",
    "co_await f({.socket = std::move(socket)});",
    "co_await f({.key = key, .text = text});",
    "if (const bool ok = co_await f({.text = text}); !ok) g();",
    "while (const auto next = co_await f([text] { g(text); })) { h(); }",
    "for (auto&& x : co_await f(record{})) g();",
    "g(ending{}, co_await f());",
    "auto a = g([&] { co_await f([text] { h(text); }); });",
    "co_await f(a ? std::string(b) : c);",
    "co_await f(a ? b : g(c), d);",
    'co_await f(a ? b : "none");',
    "co_await f(",  # a bracket is missing: what the text means is not known
]
RIGHT = [
    "const auto g = [text] { h(text); }; co_await f(g);",
    "co_await f([&] { g(text); });",
    "co_await f([this, &a, &b] { g(a, b); });",
    "co_await f(text, {.when_offline = rule, .key = key});",
    "co_await f({}, std::chrono::seconds{1});",
    "co_await f(where[index], a[b + c]);",
    "co_return ending{.socket = co_socket};",
    "co_await f(a ? b : c, g(d));",
    "co_await f(g(a) ? b : c);",
    'co_await f(g(a) ? "b" : "c");',
    "auto a = g([text]() -> net::awaitable<void> { co_await f(text); });",
    "auto a = g([text]() -> net::awaitable<void> { if (b) co_return; co_await f(text); });",
    "if (a) { co_await f(); } else { b = ending{}; }",
    "while ([[maybe_unused]] const bool more = co_await f()) { g([text] { h(text); }); }",
    "co_await f(); g(ending{.a = 1}); h([text] { g(text); });",
    "const auto e = ending{}; co_await f(e);",
    "class x { int a; }; co_await f(x{});",
]


def main():
    def among(known):
        return lambda code: [code.unmatched] if code.unmatched else Expressions(code, known).faults()

    check_the_test(among(KNOWN), WRONG, RIGHT)
    if aggregates_of(Code("struct a { int b; a(); }; struct c : d { int e = f(); }; struct g;")) != {"c"}:
        sys.exit("this test does not know what an aggregate is")
    root = pathlib.Path(__file__).resolve().parent.parent
    known = set().union(*(aggregates_of(Code(text)) for _, _, text in programs(root)))
    for name, (path, members) in HARMLESS.items():
        body = re.search(rf"struct {name} \{{(.*?)\n\}};", (root / path).read_text(encoding="utf-8"), re.S)
        if set(re.findall(r"^  [\w:]+ (\w+)(?:\{| =)", body[1], re.M)) != members:
            sys.exit(f"{name} has other members now")
    check_programs(among(known))


if __name__ == "__main__":
    main()
