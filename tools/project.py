# SPDX-License-Identifier: Apache-2.0 OR MIT
"""project - what the checks share: reading C files, saying what is wrong"""

import argparse
import pathlib
import re
import sys

LAYERS = ["base", "sync", "protocol", "segment", "carrier", "object", "api"]


class Report:
    """Violations, one line each: FILE:LINE: what is wrong. The exit status says whether any."""

    def __init__(self, root):
        self.root = root
        self.count = 0

    def say(self, path, line, text):
        try:
            path = pathlib.Path(path).relative_to(self.root)
        except ValueError:
            pass
        where = f"{path}:{line}" if line else f"{path}"
        print(f"{where}: {text}")
        self.count += 1

    def end(self):
        name = pathlib.Path(sys.argv[0]).name
        if self.count:
            print(f"{name}: {self.count} violation{'s' if self.count > 1 else ''}")
        sys.exit(1 if self.count else 0)


def start(description):
    """The root to look at, from the command line; by default the tree that holds the tool."""
    parser = argparse.ArgumentParser(description=description)
    here = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=here)
    root = parser.parse_args().root.resolve()
    return root, Report(root)


def c_files(root, *directories, suffixes=(".c", ".h")):
    for directory in directories:
        base = root / directory
        if base.is_dir():
            yield from sorted(p for p in base.rglob("*") if p.suffix in suffixes and p.is_file())


TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(text, comments=True, strings=True):
    """The text with comments and strings blanked out; every line keeps its number."""

    def replace(match):
        token = match.group(0)
        is_comment = token.startswith(("/*", "//"))
        if (is_comment and not comments) or (not is_comment and not strings):
            return token
        return re.sub(r"[^\n]", " ", token)

    return TOKEN.sub(replace, text)


def comments(text):
    """Every comment: (offset, line, text)."""
    for match in TOKEN.finditer(text):
        if match.group(0).startswith(("/*", "//")):
            yield match.start(), line_of(text, match.start()), match.group(0)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def api_functions(header_text):
    """Exported functions of the header: name -> (line, return type, [parameters])."""
    functions = {}
    text = blank(header_text)
    for match in re.finditer(r"^SLUICE_API\s+([^;]*?)\b(sluice_\w+)\s*\(", text, re.M):
        depth, at = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        parameters = split_parameters(text[match.end():at - 1])
        functions[match.group(2)] = (line_of(text, match.start()), squeeze(match.group(1)),
                                     parameters)
    return functions


def split_parameters(text):
    parts, depth, last = [], 0, 0
    for at, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(text[last:at])
            last = at + 1
    parts.append(text[last:])
    parts = [squeeze(part) for part in parts]
    return [] if parts in ([""], ["void"]) else parts


def squeeze(text):
    """One spelling for a declaration: single blanks, none around punctuation."""
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"\s*([*(),\[\]])\s*", r"\1", text)
