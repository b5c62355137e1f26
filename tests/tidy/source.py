"""Reading C++ well enough for the rules: comments and literals blanked out, functions and types found by their shape.

It relies on the house's clang-format style (braces close in the column where their statement began), not on a parser.
"""

import re

TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<raw>[^()\\ ]*)\(.*?\)(?P=raw)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n]){1,8}\'', re.DOTALL)
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"(?P<ours>[^"]+)"|<(?P<theirs>[^>]+)>)')
TYPE = re.compile(r"\b(?:class|struct|enum(?:\s+class|\s+struct)?|concept|using)\s+(?:\[\[[^\]]*\]\]\s*)?(?P<name>[A-Za-z_]\w*)")
NO_FUNCTION = re.compile(r"^\s*(?:namespace|class|struct|enum|union|extern\s*\"|export|if|for|while|switch|do|else|try|catch|case|default)\b")


def blanked(text):
    """`text` with comments and literals replaced by spaces; newlines stay, so lines keep their numbers."""
    return TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def includes(text):
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group("ours") or match.group("theirs"), match.group("ours") is not None


def types(code):
    for number, line in enumerate(code.splitlines(), 1):
        for match in TYPE.finditer(line):
            yield number, match.group("name")


def functions(code):
    """(first line, number of lines) of every function body that stands at namespace or class level.

    A function begins at a line that has a parenthesis and leaves a brace open, and ends at the next line that begins with
    a closing brace in the same column. Bodies inside it are part of it.
    """
    lines = code.splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        opened = _opens_function(lines, number)
        if not opened:
            number += 1
            continue
        start, indent = opened
        end = next((i for i in range(number + 1, len(lines)) if re.match(rf"\s{{{indent}}}\}}", lines[i])
                    and len(lines[i]) - len(lines[i].lstrip()) == indent), None)
        if end is None:
            number += 1
            continue
        yield start + 1, end - start + 1
        number = end + 1
        del line


def _opens_function(lines, number):
    line = lines[number]
    if not line.rstrip().endswith("{") or line.count("{") <= line.count("}"):
        return None
    start = number  # back to where the statement began
    while start > 0 and lines[start - 1].strip() and not lines[start - 1].rstrip().endswith((";", "}", "{", ":")) \
            and not lines[start - 1].lstrip().startswith("#"):
        start -= 1
    statement = " ".join(lines[start:number + 1])
    if "(" not in statement or NO_FUNCTION.match(statement) or re.search(r"=\s*\{\s*$", statement):
        return None
    return start, len(lines[start]) - len(lines[start].lstrip())


def python_functions(text):
    """(first line, number of lines) of every outermost def, by indentation."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        match = re.match(r"^(\s*)(?:async\s+)?def\s", line)
        if not match:
            continue
        indent, last = len(match.group(1)), number
        for i in range(number + 1, len(lines)):
            if lines[i].strip() and len(lines[i]) - len(lines[i].lstrip()) <= indent and not lines[i].lstrip().startswith(")"):
                break
            if lines[i].strip():
                last = i
        yield number + 1, last - number + 1
