"""How the demo tells what it does: headings with the time, lines, tables."""

import sys
import time


class Story:
    def __init__(self):
        self.began = time.monotonic()

    def seconds(self):
        return time.monotonic() - self.began

    def chapter(self, title):
        print(f"\n\033[1m[{self.seconds():6.1f} s] {title}\033[0m", flush=True)

    def say(self, text):
        print("  " + text.replace("\n", "\n  "), flush=True)

    def table(self, head, rows):
        columns = [[str(cell) for cell in column] for column in zip(head, *rows)]
        widths = [max(map(len, column)) for column in columns]
        for row in zip(*columns):
            self.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())

    def progress(self, done, total, text):
        if sys.stdout.isatty():
            bar = "#" * (30 * done // max(total, 1))
            print(f"\r  [{bar:<30}] {done}/{total} {text:<40}", end="" if done < total else "\n", flush=True)
