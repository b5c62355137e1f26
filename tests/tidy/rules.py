"""The rules a machine can check. Each yields (line, message) for one file; docs/STYLE.md says why they are there."""

import os
import re

import layers
import source

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 70
CPP = (".cc", ".h", ".inc", ".hpp")
SOURCE = CPP + (".py", ".ts", ".tsx")
NO_FLOAT = ("base/", "pricing/", "evidence/", "ledger/", "broker/domain/", "broker/app/")

# Assembled, so that this file does not break its own rules.
FORBIDDEN_WORDS = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
VAGUE = ("Manager", "Helper", "Util", "Utils", "Common")
OUR_MACHINE = ("/wo" + "rk/main", "/wo" + "rk/shared", "/tm" + "p/brief")

CLOCK_HOMES = ("base/time.cc", "base/rng.cc")
CLOCKS = re.compile(
    r"\b(system_clock|high_resolution_clock|steady_clock)\s*::\s*now\b|\b(?:gettimeofday|clock_gettime|timespec_get)\s*\(|"
    r"\bstd::time\s*\(|(?<![\w.>:])time\s*\(\s*(?:NULL|nullptr|0|&)|\babsl::Now\s*\(|"
    r"\b(?:random_device|mt19937(?:_64)?|minstd_rand0?|default_random_engine)\b|(?<![\w.>])(?:std::)?s?rand\s*\(\s*[^,()]*\)|"
    r"\b(?:getrandom|arc4random\w*|drand48|randombytes_\w+|RAND_bytes)\s*\(|"
    r"\b(?:sleep_for|sleep_until)\s*\(|(?<![\w.>])(?:::)?(?:usleep|nanosleep|clock_nanosleep|sleep)\s*\(|\bg?pr_sleep\w*\s*\(")
SHELL = re.compile(r"(?<![\w.>])(?:std::|::)?(?:system|popen)\s*\(")
DETACH = re.compile(r"(?:\.|->)detach\s*\(\s*\)")
FLOAT = re.compile(r"\b(?:double|float|strtod|stod|stof|atof)\b")
ALLOW = re.compile(r"tidy: allow (\w+), (\S.+)")


def is_test(path):
    return path.startswith(("tests/", "bench/")) or "/contract/" in path or re.search(r"(_test|_bench|_fixture)\.(cc|h|py|ts|tsx)$", path) is not None


def _matches(code, pattern, message):
    for number, line in enumerate(code.splitlines(), 1):
        match = pattern.search(line)
        if match:
            yield number, f"{message}: `{match.group().strip()}`"


def layer(path, text, code):
    if not path.endswith(CPP):
        return
    for number, header, ours in source.includes(text):
        if layers.heavy(path, header):
            yield number, f"<{header}> belongs behind an adapter; {layers.room_of(path)} holds plain types"
        elif ours:
            reason = layers.may_include(path, header)
            if reason:
                yield number, reason


def clock(path, text, code):
    if path.endswith(CPP) and path not in CLOCK_HOMES and not is_test(path):
        yield from _matches(code, CLOCKS, "time and randomness come in through Clock and Rng")


def shell(path, text, code):
    if path.endswith(CPP) and not is_test(path):
        yield from _matches(code, SHELL, "processes are started by argv, never by a shell")


def detached(path, text, code):
    if path.endswith(CPP):
        yield from _matches(code, DETACH, "threads are joined")


def floating(path, text, code):
    if path.endswith(CPP) and path.startswith(NO_FLOAT) and not path.endswith("_bench.cc"):
        yield from _matches(code, FLOAT, "no floating point near money")


def size(path, text, code):
    if not path.endswith(SOURCE):
        return
    lines = text.count("\n") + (not text.endswith("\n"))
    if lines > MAX_FILE_LINES:
        yield 1, f"{lines} lines; above {MAX_FILE_LINES} a concept is missing"
    found = source.functions(code) if path.endswith(CPP) else source.python_functions(text) if path.endswith(".py") else ()
    for number, length in found:
        if length > MAX_FUNCTION_LINES:
            yield number, f"a function of {length} lines; above {MAX_FUNCTION_LINES} a concept is missing"


def _vague_word(name):
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return next((w for w in words if w.capitalize() in VAGUE), None)


def vague(path, text, code):
    word = _vague_word(os.path.splitext(os.path.basename(path))[0])
    if word and path.endswith(SOURCE):
        yield 1, f"a file named '{word}' says nothing about what is in it"
    if path.endswith(CPP):
        for number, name in source.types(code):
            if _vague_word(name):
                yield number, f"'{name}' says nothing about what it does"


def words(path, text, code):
    for number, line in enumerate(text.splitlines(), 1):
        for word in FORBIDDEN_WORDS:
            if re.search(rf"\b{word}\b", line):
                yield number, f"{word}: what isn't built isn't mentioned; open an issue"


def machine(path, text, code):
    for number, line in enumerate(text.splitlines(), 1):
        for place in OUR_MACHINE:
            if place in line:
                yield number, f"{place} exists on one machine only"


def pragma(path, text, code):
    if path.endswith(".h") and "#pragma once" not in text:
        yield 1, "a header without #pragma once"


FILE_RULES = (layer, clock, shell, detached, floating, size, vague, words, machine, pragma)


def missing_readme(files):
    """Folders with sources of their own that don't say what they are for."""
    folders = {os.path.dirname(f) for f in files if f.endswith(CPP + (".py", ".proto"))}
    have = {os.path.dirname(f) for f in files if os.path.basename(f) == "README.md"}
    for folder in sorted(folders - have - {""}):
        # A folder deep inside a described module (generated paths, versions) is described by it.
        if not any(f"{folder}/CMakeLists.txt" == f for f in files):
            if any(folder.startswith(h + "/") for h in have if h):
                continue
        yield folder


def unbuilt_tests(files, text_of):
    """C++ tests in a folder that lists its sources by hand and doesn't list them: they would never run."""
    for path in files:
        if os.path.basename(path) != "CMakeLists.txt" or "bourse_test(" not in text_of(path):
            continue
        named = set(re.findall(r"[\w.]+_test\.cc", text_of(path)))
        folder = os.path.dirname(path)
        yield from (f for f in files if os.path.dirname(f) == folder and f.endswith("_test.cc") and os.path.basename(f) not in named)


def check_file(path, text):
    """(rule, line, message) of all that is wrong with a file. A line may be allowed: `// tidy: allow clock, because…`."""
    code = source.blanked(text) if path.endswith(CPP) else text
    lines = text.splitlines()
    for rule in FILE_RULES:
        for number, message in rule(path, text, code):
            near = lines[max(0, number - 2):number]
            allowed = [m.group(1) for line in near for m in [ALLOW.search(line)] if m]
            if rule.__name__ not in allowed:
                yield rule.__name__, number, message
