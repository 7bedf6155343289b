#!/usr/bin/env python3
"""A package (电子佐证包) as a clerk walks through it, from docs/reference/data-files.md and docs/formats.md §8.2: nothing but Python's own library.

    package.py package.zip report.json [zh-CN|en]

Follows every link of 00 目录.pdf to its file and page, recomputes every page's check code, and prints JSON: `links` of the index with what
stands on the page they lead to, `inside` links of all other papers, `pages` with their words. Fails when a link leads nowhere, a code or a
digest is wrong."""
import hashlib, json, os, re, sys, zipfile

import pages as reader

INDEX, SUMS = "00 目录.pdf", "00 SHA256SUMS.txt"

def text(value):
    """A PDF string: (literal) or <hex>."""
    if value[:1] == b"<":
        raw = bytes.fromhex(value[1:-1].decode())
        return raw[2:].decode("utf-16-be") if raw[:2] == b"\xfe\xff" else raw.decode("utf-8")
    return re.sub(rb"\\(.)", rb"\1", value[1:-1]).decode("utf-8")

def document(pdf, digest, tag, name):
    """Pages of a paper: words, header and footer, code, and links as (file or None, page)."""
    found = {}
    for match in re.finditer(rb"(?:^|\n)(\d+) 0 obj\n(.*?)\nendobj", pdf, re.S):
        found[int(match.group(1))] = match.group(2)
    unpacked = reader.objects(pdf)
    reference = lambda head, key: int(re.search(rb"/" + key + rb" (\d+) 0 R", head).group(1))
    tree = next(body for body in found.values() if b"/Type /Pages" in body)
    kids = [int(n) for n in re.findall(rb"(\d+) 0 R", re.search(rb"/Kids \[(.*?)\]", tree, re.S).group(1))]
    maps, out = {}, []
    for number, kid in enumerate(kids, 1):
        head = found[kid]
        for face, font in re.findall(rb"/([RB]) (\d+) 0 R", head):
            maps.setdefault(face.decode(), reader.unicode_map(unpacked[reference(unpacked[int(font)][0], b"ToUnicode")][1]))
        body, frame = reader.lines(unpacked[reference(head, b"Contents")][1], maps)
        words = "".join(line + "\n" for line in body)
        code = reader.code(("gongzheng page\n%s\n%s\n%d\n%s" % (digest, tag, number, words)).encode("utf-8"))
        if code not in frame:
            sys.exit("%s page %d prints %s; its words give %s" % (name, number, frame, code))
        links = []
        annots = re.search(rb"/Annots \[(.*?)\]", head, re.S)
        for annot in re.findall(rb"(\d+) 0 R", annots.group(1) if annots else b""):
            link = found[int(annot)]
            if b"/GoToR" in link:
                where = re.search(rb"/UF (\(.*?[^\\]\)|<.*?>)", link, re.S).group(1)
                links.append((text(where), int(re.search(rb"/D \[(\d+) /Fit\]", link).group(1)) + 1))
            else:
                links.append((None, kids.index(int(re.search(rb"/D \[(\d+) 0 R", link).group(1))) + 1))
        out.append({"page": number, "code": code, "words": words, "frame": frame, "links": links})
    return out

def main(archive, report, tag="zh-CN"):
    archive = zipfile.ZipFile(archive)
    files = {name: archive.read(name) for name in archive.namelist()}
    digest = hashlib.sha256(open(report, "rb").read()).hexdigest()
    for line in files[SUMS].decode("utf-8").splitlines():
        want, name = line.split("  ", 1)
        if hashlib.sha256(files[name]).hexdigest() != want:
            sys.exit("%s: another digest than in %s" % (name, SUMS))
    listed = {line.split("  ", 1)[1] for line in files[SUMS].decode("utf-8").splitlines()}
    if listed != set(files) - {SUMS}:
        sys.exit("%s lists other files than there are: %s" % (SUMS, listed ^ set(files)))
    papers = {name: document(data, digest, tag, name) for name, data in files.items() if name.endswith(".pdf") and data[:4] == b"%PDF"}
    links, inside = [], []
    for name, pages in papers.items():
        for page in pages:
            for where, to in page["links"]:
                target = name if where is None else os.path.normpath(os.path.join(os.path.dirname(name), where))
                if target not in files:
                    sys.exit("%s page %d leads to %s, which is not there" % (name, page["page"], target))
                led = {"from": name, "on": page["page"], "file": target, "page": to}
                if target in papers:
                    if to > len(papers[target]):
                        sys.exit("%s has no page %d" % (target, to))
                    leads = papers[target][to - 1]
                    led.update(code=leads["code"], words=leads["words"])
                (links if name == INDEX else inside).append(led)
    for pages in papers.values():
        for page in pages:
            del page["links"]
    print(json.dumps({"files": list(files), "links": links, "inside": inside, "papers": papers}, ensure_ascii=False))

if __name__ == "__main__":
    main(*sys.argv[1:])
