"""Reads the formats of docs/formats.md: protobuf, zstd, Ed25519, RFC 6962, C2SP notes. Written from that page alone."""
import base64, hashlib, itertools, json, os, struct, sys, zipfile, zlib
import zstandard
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
PLAIN_MAX, LEAF_MAX, HEADER_MAX, CONTENT_MAX = 8 << 20, 1024, 768, 262144
# Encodings of the points of small order (§2): neither a key nor an R may be one of them.
SMALL = {bytes.fromhex(h) for h in (
    "01" + "00" * 31, "ec" + "ff" * 30 + "7f", "00" * 32, "00" * 31 + "80",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa")}
def need(truth, why):
    if not truth: sys.exit("refused: " + why)
def sha256(data): return hashlib.sha256(data).digest()

def b64(text):
    """Base64 in its one spelling (§7)."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = None
    need(data is not None and base64.b64encode(data).decode() == text, "base64 in another spelling")
    return data
def parts(note):
    """The text of a note and its signature lines (§7)."""
    need(not any(c < " " and c != "\n" for c in note), "a control character in a note")
    body, blank, lines = note.rpartition("\n\n")
    need(blank and lines.endswith("\n"), "not a signed note")
    return body + "\n", [(line.split(" ")[1], b64(line.split(" ")[2])) for line in lines[:-1].split("\n") if need(line.startswith("\u2014 ") and line.count(" ") == 2, "not a signature line") is None]

def signed(key, domain, message, signature):
    need(len(signature) == 64 and key not in SMALL and signature[:32] not in SMALL, "weak key or signature")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, domain + message)
    except (InvalidSignature, ValueError):
        need(False, "a signature does not hold")
def varint(data, at):
    value = shift = 0
    while True:
        need(at < len(data) and shift < 70, "cut or endless number")
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value & (1 << 64) - 1, at
def zigzag(value): return (value >> 1) ^ -(value & 1)
def message(data):
    """A protobuf message as {field number: [values]}; values are ints or bytes."""
    fields, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        else:
            need(tag & 7 == 2, "a wire type these formats do not use")
            length, at = varint(data, at)
            need(at + length <= len(data), "cut field")
            value, at = data[at:at + length], at + length
        fields.setdefault(tag >> 3, []).append(value)
    return fields
def one(fields, number, default=0): return fields.get(number, [default])[-1]
def text(fields, number): return one(fields, number, b"").decode("utf-8")
def packed(fields, number, signed_=False):
    out = []
    for value in fields.get(number, []):
        at = 0
        while at < len(value):
            v, at = varint(value, at)
            out.append(v)
    return [zigzag(v) for v in out] if signed_ else out
def sums(deltas): return [(v + (1 << 63)) % (1 << 64) - (1 << 63) for v in itertools.accumulate(deltas)]
def decompress(content):
    need(len(content) <= CONTENT_MAX, "content too long")
    size = zstandard.frame_content_size(content)
    need(0 <= size <= PLAIN_MAX, "content does not state a bearable size")
    return zstandard.ZstdDecompressor().decompress(content, max_output_size=PLAIN_MAX) if size else b""
def canonical(value):
    """RFC 8785 for JSON of integers and text: Python's sorting is by code point, so sort by UTF-16 ourselves."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda k: k.encode("utf-16-be"))
        return "{" + ",".join(canonical(k) + ":" + canonical(value[k]) for k in keys) + "}"
    if isinstance(value, list): return "[" + ",".join(map(canonical, value)) + "]"
    need(not isinstance(value, float), "a fraction in canonical JSON")
    return json.dumps(value, ensure_ascii=False)
def load_canonical(data):
    value = json.loads(data)
    need(canonical(value).encode("utf-8") == data, "JSON is not canonical")
    return value
def header(data):
    need(len(data) <= HEADER_MAX, "header too long")
    m = message(data)
    need(one(m, 1) == 1 and one(m, 16) == 1, "unknown version or algorithm")
    c = message(one(m, 13, b""))
    return {"kind": one(m, 2), "site": text(m, 3), "gateway": text(m, 4), "chain": one(m, 5, b""), "sequence": one(m, 6),
            "previous": one(m, 7, b""), "content": one(m, 8, b""), "readings": one(m, 10), "configuration": one(m, 11, b""),
            "simulated": one(c, 7), "length": one(m, 9), "boot_ms": zigzag(one(c, 2)), "wall_ms": zigzag(one(c, 3)), "sync": one(c, 4), "first_ms": zigzag(one(m, 14)), "last_ms": zigzag(one(m, 15))}
def batch(plain):
    """(columns, gaps): column = (tag, times, values, good flags); gap = (tag or None, boot or None, from, to)."""
    m = message(plain)
    axes = [sums(packed(message(a), 1, True)) for a in m.get(1, [])]
    columns = []
    for raw in m.get(2, []):
        c = message(raw)
        kind, times = one(c, 2), axes[one(c, 3)]
        n = len(times)
        if kind in (1, 2):
            values = sums(packed(c, 4, True))
        elif kind == 3:
            values = [v % (1 << 64) for v in sums(packed(c, 4, True))]
        elif kind in (4, 5):
            planes, shape = one(c, 5, b""), ">f" if kind == 4 else ">d"
            values = [struct.unpack(shape, planes[i::n])[0] for i in range(n)]
        else:
            values = [t.decode() for t, run in zip(c.get(6, []), packed(c, 7)) for _ in range(run)]
        runs = packed(c, 8) or [0, n]
        good = [q == 0 for q, run in zip(runs[::2], runs[1::2]) for _ in range(run)]
        need(len(values) == n == len(good), "column of another length than its axis")
        columns.append((one(c, 1), times, values, good))
    gaps = []
    for raw in m.get(3, []):
        g = message(raw)
        gaps.append((one(g, 1) - 1 if one(g, 1) else None, one(g, 2, b"") or None, zigzag(one(g, 3)), zigzag(one(g, 4))))
    return columns, gaps
def entries(data):
    out, at = [], 0
    while at < len(data):
        need(at + 2 <= len(data), "cut length")
        length = struct.unpack(">H", data[at:at + 2])[0]
        need(length <= LEAF_MAX and at + 2 + length <= len(data), "cut leaf")
        out.append(data[at + 2:at + 2 + length])
        at += 2 + length
    need(len(out) <= 256, "more than 256 leaves")
    return out
def root(hashes):
    if not hashes: return sha256(b"")
    if len(hashes) == 1: return hashes[0]
    k = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + root(hashes[:k]) + root(hashes[k:]))
def entry_path(n, width):
    groups = ["%03d" % (n // 1000 ** k % 1000) for k in range(7) if n >= 1000 ** k or k == 0]
    path = "/".join(["x" + group for group in groups[:0:-1]] + groups[:1])
    return "tile/entries/" + path + ("" if width == 256 else ".p/%d" % width)
def checkpoint(note, log_keys):
    body, lines = parts(note)
    origin, size, digest = body.split("\n")[:3]
    for key in log_keys:
        name, key_id, data = key.split("+", 2)
        public = b64(data)[1:]
        need(sha256(name.encode() + b"\n\x01" + public)[:4].hex() == key_id, "trust file: key id")
        found = False
        for signer, value in lines:
            if signer == name and value[:4].hex() == key_id:
                signed(public, b"", body.encode(), value[4:])
                found = True
        if found: return origin, int(size), b64(digest)
    need(False, "checkpoint is not signed by a trusted log key")
def plain(body):
    """What a body is compared by (§8.1): its names and number, letters and digits alone."""
    words = ["".join(c for c in body.get(k) or "" if c.isalnum()).lower() for k in ("zh", "en", "id")]
    return {w for w in words if w}
def witnesses(note, trust, newest_ms):
    """The other bodies of the trust file that cosigned the checkpoint, each with when (§7, §8.1)."""
    (body, lines), found, own = parts(note), [], plain(trust.get("operator") or {})
    keys = [b64(w["key"].split("+", 2)[2]) for w in trust.get("witnesses", [])]
    need(len(keys) == len(set(keys)), "trust file: a witness key is there twice")
    log_keys = {b64(k.split("+", 2)[2])[1:] for k in trust["log_keys"]}
    for witness in trust.get("witnesses", []):
        name, key_id, data = witness["key"].split("+", 2)
        kind, public = b64(data)[:1], b64(data)[1:]
        need(kind == b"\x04" and sha256(name.encode() + b"\n\x04" + public)[:4].hex() == key_id, "trust file: witness key")
        for signer, value in lines:
            if signer == name and value[:4].hex() == key_id:
                seconds, = struct.unpack(">Q", value[4:12])
                signed(public, b"cosignature/v1\ntime %d\n" % seconds, body.encode(), value[12:])
                names = plain(witness["operator"])
                counts = own and public not in log_keys and not names & own and seconds * 1000 + 600000 >= newest_ms
                if counts and not any(names & other for other, _ in found):
                    found.append((names, seconds))
    need(len(found) >= trust.get("witnesses_required", 0), "too few witnesses")
    return found
def site_of(origin, site):
    """The epoch of an origin `<server>/<site>` or `<server>/<site>/<epoch>` (§7)."""
    parts = origin.split("/")
    if len(parts) > 2 and parts[-2] == site and parts[-1].isdecimal() and parts[-1][0] != "0": return int(parts[-1])
    need(parts[-1] == site, "the log is of another site than the manifest says")
    return 0
def ends(whole, file):
    """Whether a deflated file ends where it is said to: zipfile stops at the stated length, whatever follows."""
    if file.compress_type != zipfile.ZIP_DEFLATED: return file.compress_size == file.file_size
    whole.seek(file.header_offset + 26)
    whole.seek(sum(struct.unpack("<HH", whole.read(4))), 1)
    stream = zlib.decompressobj(-15)
    length = len(stream.decompress(whole.read(file.compress_size), file.file_size + 1))
    return length == file.file_size and stream.eof and not stream.unused_data
def open_bundle(path):
    """Manifest and files (§8)."""
    with open(path, "rb") as whole, zipfile.ZipFile(whole) as archive:
        length, first = whole.seek(0, 2), archive.infolist()[0].header_offset if archive.infolist() else 0
        whole.seek(-22, 2)
        end = whole.read()
        count, size, begin, comment = struct.unpack("<HIIH", end[10:])
        need(end[:4] == b"PK\5\6" and not comment and not first and archive.start_dir in (begin, archive.start_dir if begin == 0xffffffff else -1), "bytes before or behind the archive")
        need(begin == 0xffffffff or begin + size + 22 == length or count == 0xffff, "its directory is not where it says")
        need(len(archive.namelist()) == len(set(archive.namelist())), "a file appears twice")
        need(sum(f.file_size for f in archive.infolist()) <= min(2 << 30, (64 << 20) + 32 * os.path.getsize(path)), "it would fill the memory")
        files = {name: archive.read(name) for name in archive.namelist()}
        need(all(len(files[f.filename]) == f.file_size and ends(whole, f) for f in archive.infolist()), "a file of another length than stated")
    need("manifest.json" in files, "no manifest")
    manifest = load_canonical(files["manifest.json"])
    need(set(manifest) == {"files", "format", "origin", "site", "size", "version"}, "manifest of other fields")
    need((manifest["format"], manifest["version"]) == ("gongzheng-bundle", 1), "another format or version")
    paths = [f["path"] for f in manifest["files"]]
    need(paths == sorted(set(paths)), "files of the manifest are not in order")
    need(set(paths) | {"manifest.json"} == set(files), "files missing or extra")
    for f in manifest["files"]:
        need(len(files[f["path"]]) == f["length"] and sha256(files[f["path"]]).hex() == f["sha256"], f["path"] + " is other than listed")
    return manifest, files
def extra(files, tiles, contents):
    """Files that no bundle has, or that nothing in this one names (§8)."""
    own = {"manifest.json", "checkpoint", "README.md", "README.zh-CN.md"}
    known = own | set(tiles) | {"contents/" + digest.hex() for digest in contents}
    return sorted(p for p in files if p not in known and not (p.startswith("report.") and "/" not in p))
