"""Read a built site as a browser does and list what is wrong with it: links that lead nowhere, and anything that would be loaded from elsewhere. `python docs/check.py FOLDER` exits with 1 if there is any."""
import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

ELSEWHERE = re.compile(r"^\s*(?:https?:|wss?:|ftp:)?//", re.I)
INLINE = re.compile(r"^\s*(?:data|mailto|javascript|blob|about):", re.I)
CSS = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")
LOADS = {"src", "srcset", "poster", "data", "background", "xlink:href"}


class Page(HTMLParser):
    "Anchors of a page, the links that one may follow, and what it loads by itself."
    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loads, self.style = set(), [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.style = tag == "style"
        for name, value in attributes:
            if not value: continue
            if name == "id" or (tag, name) == ("a", "name"): self.anchors.add(value)
            elif name == "href": (self.links if tag in ("a", "area") or ("rel", "canonical") in attributes else self.loads).append(value)
            elif name == "srcset": self.loads += [part.split()[0] for part in value.split(", ") if part.strip()]
            elif name in LOADS: self.loads.append(value)
            elif name == "style": self.loads += loads_of(value)

    def handle_endtag(self, tag): self.style = False

    def handle_data(self, data):
        if self.style: self.loads += loads_of(data)


def loads_of(css):
    "Addresses that a style sheet loads."
    return [a or b for a, b in CSS.findall(re.sub(r"/\*.*?\*/", "", css, flags=re.S))]


@cache
def page(path):
    return Page(path.read_text(encoding="utf-8"))


def dead(path, address):
    "Why a link that stands in a file leads nowhere; empty if it does not."
    place, anchor = urldefrag(address)
    target = (path.parent / unquote(place.split("?")[0])).resolve() if place else path
    if target.is_dir(): target /= "index.html"
    if not target.is_file(): return "no such file"
    if anchor and target.suffix == ".html" and unquote(anchor) not in page(target).anchors: return "no such anchor"
    return ""


def wrong(path, links, loads):
    "What is wrong with the addresses of one file."
    found = [f"loads from elsewhere: {a[:100]}" for a in loads if ELSEWHERE.match(a)]
    return found + [f"{why}: {a[:100]}" for a in dict.fromkeys([*links, *loads]) if not ELSEWHERE.match(a) and not INLINE.match(a) and a != "#" and (why := dead(path, a))]


def problems(root):
    "All problems of a site, one line each."
    root, found = Path(root).resolve(), []
    for path in sorted(root.rglob("*.html")): found += [f"{path.relative_to(root)}: {p}" for p in wrong(path, page(path).links, page(path).loads)]
    for path in sorted(root.rglob("*.css")): found += [f"{path.relative_to(root)}: {p}" for p in wrong(path, [], loads_of(path.read_text(encoding="utf-8")))]
    return found if any(root.rglob("*.html")) else [f"{root}: no page"]


if __name__ == "__main__":
    said = problems(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "_build/html")
    print(*said, f"{len(said)} problems", sep="\n")
    sys.exit(bool(said))
