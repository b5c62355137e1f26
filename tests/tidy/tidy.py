"""Reads the tree and fails on what the house does not allow: `python3 tests/tidy/tidy.py [ROOT]`. Exit 1 = something found."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rules  # noqa: E402

SKIPPED_FOLDERS = {"node_modules", "dist", "__pycache__", "third_party", "test-results", "playwright-report", "coverage"}
TEXT = rules.SOURCE + (".md", ".txt", ".cmake", ".proto", ".sql", ".toml", ".sh", ".in", ".yml", ".yaml", ".css", ".html", ".json")
GENERATED = (".pb.h", ".pb.cc")
GENERATED_NAMES = {"package-lock.json"}


def tree_files(root):
    """Paths of the tree's own text files, relative to `root`, in order."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(d for d in folders if d not in SKIPPED_FOLDERS and not d.startswith((".", "build")))
        for name in sorted(names):
            if name.endswith(TEXT) and not name.endswith(GENERATED) and name not in GENERATED_NAMES:
                found.append(os.path.relpath(os.path.join(folder, name), root))
    return found


def check_tree(root):
    """All problems as (path, line, rule, message)."""
    files = tree_files(root)
    problems = []

    def text_of(path):
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    for path in files:
        text = text_of(path)
        problems += [(path, line, rule, message) for rule, line, message in rules.check_file(path, text)]
    problems += [(folder, 0, "readme", "a module folder without README.md: why does it exist, what goes here?")
                 for folder in rules.missing_readme(files)]
    problems += [(path, 0, "unbuilt", "no list of sources names this test, so it never runs") for path in rules.unbuilt_tests(files, text_of)]
    return problems


def main(argv):
    root = argv[1] if len(argv) > 1 else os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    problems = check_tree(root)
    for path, line, rule, message in problems:
        print(f"{path}:{line}: [{rule}] {message}")
    print(f"{len(problems)} problems" if problems else "tidy")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
