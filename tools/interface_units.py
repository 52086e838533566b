"""What an interface unit exports, with the comments: as much of C++ as our own units are written in."""
import re
from dataclasses import dataclass, field

TOKEN = re.compile(r"""
    (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<directive>^[ \t]*\#(?:[^\n\\]|\\.)*)
  | (?P<text>(?:u8|[uUL])?(?:R"(?P<raw>[^(\s]*)\(.*?\)(?P=raw)"|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
  | (?P<number>\.?\d(?:'?[\w.])*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<sign>::|->|<=>|<<|<=|==|!=|&&|\|\||\.\.\.|\+\+|--|[^\s\w])
""", re.VERBOSE | re.MULTILINE | re.DOTALL)

PAIRS = {"(": ")", "[": "]", "{": "}"}


@dataclass
class Token:
    text: str
    kind: str
    begin: int
    end: int  # as `begin` in the source; the lines are those of its first and its last character
    line: int
    last_line: int


@dataclass
class Entity:
    """A declaration that a reader of the module sees."""
    kind: str  # class, struct, enum, function, alias, concept, constant, member, enumerator
    name: str
    line: int
    declaration: str
    comment: str
    special: bool = False  # a constructor or an assignment from the same type, or the destructor
    obvious: bool = False  # needs no comment: defaulted, deleted, or the destructor
    defined: bool = True  # false: a class that is only announced
    members: list = field(default_factory=list)


class Unit:
    """One interface unit: what it exports, in the order of the source."""

    def __init__(self, path):
        self.path = path
        self.source = path.read_text(encoding="utf-8")
        self.tokens, self.comments = [], {}
        self.read_tokens()
        self.module, self.room, self.exported = "", "", False
        self.imports = []  # that are exported
        self.names = []
        self.announced = set()
        self.parse_namespace(0, len(self.tokens), exported=False)

    @property
    def about(self):
        """The comment at the head of the unit, without the name of the room."""
        lines = []
        for line in self.source.splitlines():
            if not line.startswith("//"):
                break
            lines.append(line.lstrip("/").removeprefix(" "))
        return re.sub(r"\A[\w:.]+ — ", "", "\n".join(lines))

    # Tokens and comments.

    def read_tokens(self):
        line, at = 1, 0
        for found in TOKEN.finditer(self.source):
            line += self.source.count("\n", at, found.start())
            at = found.start()
            last_line = line + found[0].count("\n")
            if found["comment"]:
                alone = not self.source[self.begin_of_line(at):at].strip()
                self.comments[line] = (found[0], alone)
            elif not found["directive"]:
                self.tokens.append(Token(found[0], found.lastgroup, at, found.end(), line, last_line))

    def begin_of_line(self, at):
        return self.source.rfind("\n", 0, at) + 1

    def text(self, index):
        return self.tokens[index].text if index < len(self.tokens) else ""

    def skip(self, index):
        """The index behind the bracket that closes the one at `index`."""
        if self.text(index) == "<":
            return self.skip_angle(index)
        depth = 0
        while index < len(self.tokens):
            depth += (self.text(index) in PAIRS) - (self.text(index) in PAIRS.values())
            index += 1
            if depth == 0:
                return index
        raise SystemExit(f"{self.path}: a bracket is not closed")

    def skip_angle(self, index):
        depth = 0
        while index < len(self.tokens):
            text = self.text(index)
            if text in PAIRS:
                index = self.skip(index)
                continue
            depth += (text == "<") - (text == ">")
            index += 1
            if depth == 0:
                return index
        raise SystemExit(f"{self.path}: an angle bracket is not closed")

    def comment_above(self, first):
        """Of what begins with token `first`, if nothing else stands before it in its line."""
        line = self.tokens[first].line
        lines = []
        if first > 0 and self.tokens[first - 1].last_line == line:
            return lines
        while True:
            line -= 1
            text, alone = self.comments.get(line, ("", False))
            if not alone or not re.match(r"///(?![/<])", text):
                return lines[::-1]
            lines.append(text[3:].removeprefix(" "))

    def comment_behind(self, last):
        """Of what ends with token `last`, if nothing else follows in its line."""
        line = self.tokens[last].last_line
        if last + 1 < len(self.tokens) and self.tokens[last + 1].line == line:
            return []
        lines = []
        text, alone = self.comments.get(line, ("", True))
        while text.startswith("///<") and (alone if lines else not alone):
            lines.append(text[4:].removeprefix(" "))
            line += 1
            text, alone = self.comments.get(line, ("", False))
        return lines

    def comment(self, first, last):
        above, behind = self.comment_above(first), self.comment_behind(last)
        if above and behind:
            above.append("")
        return "\n".join(above + behind).rstrip()

    def code(self, begin, end):
        """Tokens [begin, end) as they are laid out, less comments and the indentation of the first line."""
        at = self.tokens[begin].begin
        text = re.sub(r'("(?:[^"\\\n]|\\.)*")|[ \t]*//[^\n]*', r"\1", self.source[at:self.tokens[end - 1].end])
        indent = at - self.begin_of_line(at)
        return re.sub(rf"^ {{0,{indent}}}", "", text, flags=re.MULTILINE)

    # Declarations.

    def parse_namespace(self, index, end, exported):
        while index < end:
            text = self.text(index)
            if text == ";":
                index += 1
            elif text in ("module", "import") or (text == "export" and self.text(index + 1) in ("module", "import")):
                index = self.parse_module(index)
            elif text == "namespace" or (text == "export" and self.text(index + 1) == "namespace"):
                inside = index
                while self.text(inside) not in ("{", ";"):
                    inside += 1
                if self.text(inside) == ";":  # an alias of a namespace
                    index = inside + 1
                    continue
                index = self.skip(inside)
                self.parse_namespace(inside + 1, index - 1, exported or text == "export")
            elif text == "extern" and self.text(index + 2) == "{":
                index = self.skip(index + 2)
            elif text == "export" and self.text(index + 1) == "{":
                inside = index + 1
                index = self.skip(inside)
                self.parse_namespace(inside + 1, index - 1, exported=True)
            else:
                is_exported = exported or text == "export"
                entity, index = self.parse_declaration(index, scope="")
                if entity is None:
                    continue
                if is_exported and not entity.defined:
                    self.announced.add(entity.name)
                if is_exported or entity.name in self.announced:
                    self.names.append(entity)

    def parse_module(self, index):
        """A declaration of the module, or an import."""
        begin = index
        while self.text(index) != ";":
            index += 1
        words = [each.text for each in self.tokens[begin:index]]
        if "import" in words:
            if words[:3] == ["export", "import", ":"]:
                self.imports.append("".join(words[3:]))
        elif len(words) > 1:
            self.exported = words[0] == "export"
            name = "".join(words[words.index("module") + 1:])
            self.module, _, self.room = name.partition(":")
        return index + 1

    def skip_constraint(self, index):
        """Behind what follows the word `requires`."""
        while True:
            if self.text(index) == "!":
                index += 1
            if self.text(index) == "requires":
                index += 1
                if self.text(index) == "(":
                    index = self.skip(index)
                index = self.skip(index)
            elif self.text(index) == "(":
                index = self.skip(index)
            else:
                while self.tokens[index].kind == "word" or self.text(index) in ("::", "<"):
                    next_to_word = self.tokens[index].kind == "word" and self.tokens[index + 1].kind == "word"
                    index = self.skip(index) if self.text(index) == "<" else index + 1
                    if next_to_word:
                        break
            if self.text(index) not in ("&&", "||"):
                return index
            index += 1

    def parse_declaration(self, index, scope):
        """Returns the entity, or None for what no reader needs to see, and the index behind it. `scope` is the name
        of the class around it."""
        begin = index
        if self.text(index) == "export":
            index += 1
        shown = index
        while True:
            if self.text(index) == "template":
                index = self.skip(index + 1)
            elif self.text(index) == "requires":
                index = self.skip_constraint(index + 1)
            elif self.text(index) == "[" and self.text(index + 1) == "[":
                index = self.skip(index)
            else:
                break
        first = self.text(index)
        if first in ("friend", "static_assert"):
            return None, self.end_of_statement(index)
        if first in ("class", "struct", "union", "enum"):
            return self.parse_type(begin, shown, index)
        if first in ("using", "typedef", "concept"):
            return self.parse_alias(begin, shown, index)
        return self.parse_object(begin, shown, index, scope)

    def end_of_statement(self, index):
        while self.text(index) != ";":
            if self.text(index) in PAIRS:
                body = self.text(index) == "{"
                index = self.skip(index)
                if body and self.text(index) not in (";", ",", "=", "."):
                    return index
            else:
                index += 1
        return index + 1

    def parse_type(self, begin, shown, index):
        kind = self.text(index)
        index += 1
        if kind == "enum" and self.text(index) in ("class", "struct"):
            index += 1
        name = ""
        line = self.tokens[begin].line
        while self.text(index) not in ("{", ";", ":"):
            if self.text(index) in ("[", "<", "("):
                index = self.skip(index)
                continue
            if self.text(index) != "final":
                name = self.text(index)
                line = self.tokens[index].line
            index += 1
        while self.text(index) not in ("{", ";"):
            index += 1
        entity = Entity(kind, name, line, self.code(shown, index) + ";", "", defined=self.text(index) == "{")
        if entity.defined:
            inside, index = index + 1, self.skip(index)
            if kind == "enum":
                self.parse_enumerators(entity, inside, index - 1)
            else:
                self.parse_members(entity, inside, index - 1, public=kind != "class")
            while self.text(index) != ";":
                index += 1
        entity.comment = self.comment(begin, index)
        return entity, index + 1

    def parse_enumerators(self, entity, index, end):
        while index < end:
            begin = index
            while index < end and self.text(index) != ",":
                index = self.skip(index) if self.text(index) in PAIRS else index + 1
            last = index if index < end else index - 1  # the comma, if it has one
            entity.members.append(Entity("enumerator", self.text(begin), self.tokens[begin].line,
                                         self.code(begin, index), self.comment(begin, last)))
            index += 1

    def parse_members(self, entity, index, end, public):
        while index < end:
            if self.text(index) in ("public", "private", "protected") and self.text(index + 1) == ":":
                public = self.text(index) == "public"
                index += 2
            elif self.text(index) == ";":
                index += 1
            else:
                member, index = self.parse_declaration(index, entity.name)
                if member is not None and public:
                    entity.members.append(member)

    def parse_alias(self, begin, shown, index):
        """A using declaration, an alias, or a concept."""
        kind = "concept" if self.text(index) == "concept" else "alias"
        name_at = index + 1
        while self.text(name_at + 1) == "::":
            name_at += 2
        end = index
        while self.text(end) != ";":
            end = self.skip(end) if self.text(end) in PAIRS else end + 1
        return Entity(kind, self.text(name_at), self.tokens[name_at].line, self.code(shown, end) + ";",
                      self.comment(begin, end)), end + 1

    def parse_object(self, begin, shown, index, scope):
        """A function, or a variable."""
        name, name_at = "", index
        while True:
            text = self.text(index)
            if text in ("<", "["):
                index = self.skip(index)
            elif text in ("alignas", "decltype", "explicit") and self.text(index + 1) == "(":
                index = self.skip(index + 1)
            elif text == "operator":
                name, name_at = text, index
                index += 1
                while self.text(index) != "(" or self.text(index + 1) == ")" and name == "operator":
                    spaced = self.tokens[index].kind == "word"
                    name += (" " if spaced else "") + self.text(index)
                    index += 1
                    if name.endswith("("):  # the call operator
                        name += self.text(index)
                        index += 1
                return self.parse_function(begin, shown, index, name, name_at, scope)
            elif text == "(":
                return self.parse_function(begin, shown, index, name, name_at, scope)
            elif text in ("=", "{", ";"):
                end = index
                while self.text(end) != ";":
                    end = self.skip(end) if self.text(end) in PAIRS else end + 1
                return Entity("member" if scope else "constant", name, self.tokens[name_at].line,
                              self.code(shown, end) + ";", self.comment(begin, end)), end + 1
            else:
                if self.tokens[index].kind == "word":
                    name, name_at = text, index
                    if self.text(index - 1) == "~":
                        name = "~" + name
                index += 1

    def parse_function(self, begin, shown, index, name, name_at, scope):
        parameters = self.code(index, self.skip(index))
        index = self.skip(index)
        suffix = ""
        while True:
            text = self.text(index)
            if text == ";":
                last, end = index, index
                break
            if text == "{":
                end = index
                last = self.skip(index) - 1
                break
            if text == "=":
                suffix = self.text(index + 1)
                last = end = index + 2
                break
            if text == ":":
                end = index
                last = self.behind_initialisers(index + 1) - 1
                break
            if text == "requires":
                index = self.skip_constraint(index + 1)
            elif text in PAIRS or text == "<":
                index = self.skip(index)
            else:
                index += 1
        entity = Entity("function", name, self.tokens[name_at].line, self.code(shown, end) + ";",
                        self.comment(begin, last))
        of_same_type = re.fullmatch(rf"\((const )?{re.escape(scope)}&&?(?: \w+)?\)", parameters) is not None
        entity.special = bool(scope) and (name == "~" + scope or of_same_type and name in (scope, "operator="))
        entity.obvious = (name == "~" + scope or
                          suffix in ("default", "delete") and
                          (entity.special or name in (scope, "operator==", "operator<=>")))
        return entity, last + 1

    def behind_initialisers(self, index):
        while True:
            while self.text(index) not in ("(", "{"):
                index = self.skip(index) if self.text(index) == "<" else index + 1
            index = self.skip(index)
            if self.text(index) == "...":
                index += 1
            if self.text(index) != ",":
                return self.skip(index)
            index += 1
