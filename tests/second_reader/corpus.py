"""Runs the second reader over every bundle of a folder and prints what it says, one line each.
Usage: corpus.py FOLDER TRUST MACHINE DATE SHIFT"""
import concurrent.futures, contextlib, functools, io, os, sys
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

def main(folder, *rest):
    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for path, said in zip(paths, pool.map(functools.partial(run, rest), paths, chunksize=32)):
            print("%s: %s" % (os.path.basename(path), said))

def run(rest, path): return read(path, *rest)

if __name__ == "__main__": main(*sys.argv[1:])
