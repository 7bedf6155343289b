#!/usr/bin/env python3
"""Check codes of the pages of a report's PDF, recomputed from docs/formats.md §8.2 alone: nothing but Python's own library.

    pages.py report.zh-CN.pdf report.json [zh-CN|en]

Prints page and code; fails when a page does not print the code that its own words give."""
import hashlib, re, sys, zlib

def objects(pdf):
    """Objects by number: dictionary text and unpacked stream."""
    out = {}
    for match in re.finditer(rb"(?:^|\n)(\d+) 0 obj\n(.*?)\nendobj", pdf, re.S):
        body = match.group(2)
        head, _, stream = body.partition(b"\nstream\n")
        data = stream[: int(re.search(rb"/Length (\d+)", head).group(1))] if stream else b""
        out[int(match.group(1))] = (head, zlib.decompress(data) if b"/FlateDecode" in head else data)
    return out

def unicode_map(text):
    pairs = re.findall(rb"<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]+)>\n", text)
    return {int(glyph, 16): bytes.fromhex(to.decode()).decode("utf-16-be") for glyph, to in pairs}

def strings(content):
    """Tokens of a content stream: strings as bytes, all else as words."""
    at, escapes = 0, {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
    while at < len(content):
        c = content[at : at + 1]
        if c == b"(":
            out, depth, at = b"", 1, at + 1
            while depth:
                c = content[at : at + 1]
                if c == b"\\":
                    octal = re.match(rb"[0-7]{1,3}", content[at + 1 :])
                    if octal:
                        out, at = out + bytes([int(octal.group(0), 8) & 255]), at + 1 + len(octal.group(0))
                        continue
                    nxt = content[at + 1 : at + 2]
                    out, at = out + escapes.get(nxt, nxt), at + 2
                    continue
                depth += (c == b"(") - (c == b")")
                out, at = out + (c if depth else b""), at + 1
            yield out, True
        elif c == b"<":
            end = content.index(b">", at)
            yield bytes.fromhex(content[at + 1 : end].decode()), True
            at = end + 1
        elif c in b" \n\r\t[]":
            at += 1
        else:
            word = re.match(rb"[^ \n\r\t\[\]()<>]+", content[at:]).group(0)
            yield word, False
            at += len(word)

def lines(content, fonts):
    """Words of the page and of its header and footer (the artifact): one line for every text object."""
    body, frame, into, last, line, font = [], [], None, b"", "", None
    into = body
    for token, is_string in strings(content):
        if is_string:
            line += "".join(fonts[font][token[i] << 8 | token[i + 1]] for i in range(0, len(token), 2))
        elif token == b"BT":
            line = ""
        elif token == b"ET":
            into.append(line)
        elif token == b"/Artifact":
            into = frame
        elif token[:1] == b"/" and token[1:].decode() in fonts:
            font = token[1:].decode()
    return body, frame

def code(words):
    symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    bits = int.from_bytes(hashlib.sha256(words).digest()[:8], "big") >> 4
    text = "".join(symbols[bits >> (55 - 5 * i) & 31] for i in range(12))
    return "-".join(text[i : i + 4] for i in (0, 4, 8))

def main(pdf, report, tag="zh-CN"):
    found = objects(open(pdf, "rb").read())
    digest = hashlib.sha256(open(report, "rb").read()).hexdigest()
    reference = lambda head, key: int(re.search(rb"/" + key + rb" (\d+) 0 R", head).group(1))
    tree = next(head for head, _ in found.values() if b"/Type /Pages" in head)
    kids = [int(n) for n in re.findall(rb"(\d+) 0 R", re.search(rb"/Kids \[(.*?)\]", tree, re.S).group(1))]
    maps = {}
    for number, kid in enumerate(kids, 1):
        head, _ = found[kid]
        for name, font in re.findall(rb"/([RB]) (\d+) 0 R", head):
            maps.setdefault(name.decode(), unicode_map(found[reference(found[int(font)][0], b"ToUnicode")][1]))
        body, frame = lines(found[reference(head, b"Contents")][1], maps)
        words = "".join(line + "\n" for line in body)
        computed = code(("gongzheng page\n%s\n%s\n%d\n%s" % (digest, tag, number, words)).encode("utf-8"))
        if computed not in frame:
            sys.exit("page %d prints %s; its words give %s" % (number, frame, computed))
        print(number, computed)

if __name__ == "__main__":
    main(*sys.argv[1:])
