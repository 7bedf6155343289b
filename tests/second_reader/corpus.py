"""Runs the second reader over many bundles, paths in a file, and prints what it says, one line each in that order.
Usage: corpus.py LIST TRUST MACHINE DATE SHIFT"""
import concurrent.futures, contextlib, functools, io, sys
import formats, verify

# One bundle tampered with a thousand times holds the same signatures a thousand times.
formats.signed = verify.signed = functools.cache(formats.signed)

def read(path, *rest):
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            verify.main(path, *rest)
    except SystemExit as refusal:
        return str(refusal)
    except Exception as trouble:
        return "refused: unreadable: %r" % trouble
    return "accepted"

def main(listed, *rest):
    paths = open(listed, encoding="utf-8").read().splitlines()
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for said in pool.map(functools.partial(run, rest), paths, chunksize=32):
            print(" ".join(said.split()))

def run(rest, path): return read(path, *rest)

if __name__ == "__main__": main(*sys.argv[1:])
