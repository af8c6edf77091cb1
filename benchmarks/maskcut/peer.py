"""Peer of the MaskCut benchmark: numpy affinity, then scipy's dense or sparse eigensolver, as CutLER's maskcut.py does the first.

python peer.py FEATURES.f32 N D TAU; then one line per command (affinity, eigh, eigsh, affinity+eigh, affinity+eigsh):
answers {"ms": ..., "value": second eigenvalue}.
"""
import json
import sys
import time

import numpy as np
import scipy
import scipy.linalg
import scipy.sparse.linalg

path, n, dim, tau = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
features = np.fromfile(path, np.float32).reshape(n, dim)


def affinity():
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    above = unit @ unit.T > tau
    return np.where(above, 1.0, 1e-5)


def eigh(a):
    d = a.sum(axis=1)
    values, _ = scipy.linalg.eigh(np.diag(d) - a, np.diag(d), subset_by_index=[1, 2])
    return values[0]


def eigsh(a):
    root = 1 / np.sqrt(a.sum(axis=1))
    values, _ = scipy.sparse.linalg.eigsh(a * root[:, None] * root[None, :], k=2, which="LA")
    return 1 - values[0]


print(json.dumps({"numpy": np.__version__, "scipy": scipy.__version__}), flush=True)
kept = None
for line in sys.stdin:
    command = line.strip()
    if command in ("eigh", "eigsh") and kept is None:
        kept = affinity()
    start = time.perf_counter()
    value = None
    if command == "affinity":
        kept = affinity()
    elif command in ("eigh", "eigsh"):
        value = {"eigh": eigh, "eigsh": eigsh}[command](kept)
    else:
        value = {"eigh": eigh, "eigsh": eigsh}[command.split("+")[1]](affinity())
    ms = (time.perf_counter() - start) * 1000
    print(json.dumps({"ms": ms, "value": None if value is None else float(value)}), flush=True)
