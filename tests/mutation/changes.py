"""The small changes that can be made in a C file: one token each."""
import collections
import re


class Change(collections.namedtuple("Change", "start end new kind")):
    """The bytes from start to end become new."""

    def made_in(self, text):
        return text[:self.start] + self.new + text[self.end:]

    def line_in(self, text):
        return text.count("\n", 0, self.start) + 1


# What stands between spaces in the code as clang-format leaves it.
OPERATORS = {
    "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"],
    "==": ["!="], "!=": ["=="], "&&": ["||"], "||": ["&&"],
    "+": ["-"], "-": ["+"], "*": ["+"], "<<": [">>"], ">>": ["<<"], "|": ["&"],
    "+=": ["-="], "-=": ["+="], "|=": ["&="],
}
OPERATOR = re.compile(r"(?<= )(" + "|".join(
    re.escape(o) for o in sorted(OPERATORS, key=len, reverse=True)) + r")(?= )")
NUMBER = re.compile(r"(?<![\w.])(0x[0-9a-fA-F]+|\d+)u?(?![\w.])")
BOOLEAN = re.compile(r"\b(true|false)\b")
CONDITION = re.compile(r"\bif \(")
NOT = re.compile(r"!(?=[\w(])")
# A call or an assignment that stands alone on its line.
STATEMENT = re.compile(r"^ +(?!return|break|continue|else|case|default|goto|const|static|struct|enum|"
                       r"unsigned|int|bool|char|size_t|u?int\d+_t|lua_State|void)"
                       r"[\w>.*\[\]()-]+(?:\([^;{}]*\)| [-+|&]?= [^;{}]*|\+\+|--);$", re.M)
RETURN = re.compile(r"\breturn (true|false|0|-1|1|NULL);")


def without_comments(text):
    """The text with comments, strings and what the preprocessor reads blanked."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match[0])
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)+\'|^#[^\n]*',
                  blank, text, flags=re.S | re.M)


def in_functions(code):
    """Where the bodies of functions are: from '{' at the end of a line that begins at the
    left edge to '}' at the left edge."""
    return [(m.start(), m.end()) for m in re.finditer(r"^\w[^;=]*?\)\s*\{$.*?^\}", code, re.M | re.S)]


def closing(code, start):
    """The place of the bracket that closes the one before start."""
    depth = 1
    for place in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[place], 0)
        if depth == 0:
            return place
    return None


def off_by_one(number):
    value = int(number, 0)
    form = hex if number.startswith("0x") else str
    return [form(value + 1)] + ([form(value - 1)] if value > 0 else [])


def of(text):
    """All changes of a file, in the order of their places."""
    code = without_comments(text)
    bodies = in_functions(code)
    found = []

    def add(start, end, new, kind):
        if any(a < start < b for a, b in bodies):
            found.append(Change(start, end, new, kind))

    for match in OPERATOR.finditer(code):
        for new in OPERATORS[match[1]]:
            add(match.start(1), match.end(1), new, f"{match[1]} is {new}")
    for match in NUMBER.finditer(code):
        for new in off_by_one(match[1]):
            add(match.start(1), match.end(1), new, f"{match[1]} is {new}")
    for match in BOOLEAN.finditer(code):
        new = "false" if match[1] == "true" else "true"
        add(match.start(1), match.end(1), new, f"{match[1]} is {new}")
    for match in CONDITION.finditer(code):
        end = closing(code, match.end())
        if end:
            inside = text[match.end():end]
            add(match.end(), end, f"!({inside})", "condition turned round")
            add(match.end(), end, f"false && ({inside})", "never true")
            add(match.end(), end, f"true || ({inside})", "always true")
    for match in NOT.finditer(code):
        add(match.start(), match.end(), "", "! left out")
    for match in STATEMENT.finditer(code):
        add(match.start(), match.end(), re.match(r" *", match[0])[0] + ";", "statement left out")
    return sorted(found)
