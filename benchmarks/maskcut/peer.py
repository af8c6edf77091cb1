"""Peer of the MaskCut benchmark: what CutLER's and STEGO's scripts run, from the definition, on numpy, scipy and pydensecrf.

python peer.py FOLDER SPEC, SPEC a JSON object with patches, dim, tau, height, width, labels; FOLDER holds features.f32 [patches, dim],
photo.rgb [height, width, 3], mask.u8 [height, width], unary.f32 [labels, height * width]. Then one line per command: affinity, eigh, eigsh,
affinity+eigh, affinity+eigsh, and where pydensecrf can be imported crf2, crf27, photo. Answers {"ms": ..., "value": ...}: the second
eigenvalue, the area of the mask, the sum of the labels, or the number of masks.
"""
import json
import os
import sys
import time

import numpy as np
import scipy
import scipy.linalg
import scipy.sparse.linalg
from scipy import ndimage

try:
    import pydensecrf.densecrf as dcrf
    from PIL import Image
except ImportError:
    dcrf = None

folder, spec = sys.argv[1], json.loads(sys.argv[2])
n, tau, labels = spec["patches"], spec["tau"], spec["labels"]
height, width = spec["height"], spec["width"]


def read(name, kind, *shape):
    return np.fromfile(os.path.join(folder, name), kind).reshape(*shape)


features = read("features.f32", np.float32, n, spec["dim"])
photo = read("photo.rgb", np.uint8, height, width, 3)
central = read("mask.u8", np.uint8, height, width)
energies = read("unary.f32", np.float32, labels, height * width)


def affinity(rows=features):
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    above = unit @ unit.T > tau
    return np.where(above, 1.0, 1e-5)


def eigh(a):
    d = a.sum(axis=1)
    values, vectors = scipy.linalg.eigh(np.diag(d) - a, np.diag(d), subset_by_index=[1, 2])
    return values[0], vectors[:, 0]


def eigsh(a):
    root = 1 / np.sqrt(a.sum(axis=1))
    values, vectors = scipy.sparse.linalg.eigsh(a * root[:, None] * root[None, :], k=2, which="LA")
    return 1 - values[0], vectors[:, 0] * root


def refine(image, mask):
    """CutLER's CRF: the unary is -log of the softmax of (1 - mask, mask)."""
    h, w = mask.shape
    inside = np.stack([1 - mask, mask]).astype(np.float32)
    odds = np.exp(inside)
    unary = -np.log(odds / odds.sum(axis=0)).reshape(2, -1)
    crf = dcrf.DenseCRF2D(w, h, 2)
    crf.setUnaryEnergy(np.ascontiguousarray(unary))
    crf.addPairwiseGaussian(sxy=3, compat=7)
    crf.addPairwiseBilateral(sxy=50, srgb=5, rgbim=image, compat=10)
    return np.argmax(crf.inference(10), axis=0).reshape(h, w)


def label():
    """STEGO's CRF on the energies given."""
    crf = dcrf.DenseCRF2D(width, height, labels)
    crf.setUnaryEnergy(energies)
    crf.addPairwiseGaussian(sxy=1, compat=3)
    crf.addPairwiseBilateral(sxy=67, srgb=3, rgbim=np.ascontiguousarray(photo[:, :, ::-1]), compat=4)
    return np.argmax(crf.inference(10), axis=0)


def masks(count=3, patch=8):
    """MaskCut as CutLER does it: dense eigenproblems, each mask refined by a CRF of its own, its holes filled."""
    grid = int(round(n**0.5))
    side = grid * patch
    small = np.array(Image.fromarray(photo).resize((side, side), Image.LANCZOS))
    rows = features.copy()
    found = []
    for _ in range(count):
        vector = eigh(affinity(rows))[1]
        front = (vector > vector.mean()).reshape(grid, grid)
        seed = np.argmax(np.abs(vector))
        corners = front[0, 0] + front[0, -1] + front[-1, 0] + front[-1, -1]
        if corners >= 3 or not front.flat[seed]:
            vector, front = -vector, ~front
            seed = np.argmax(vector)
        parts, _ = ndimage.label(front)
        part = parts == parts.flat[seed] if parts.flat[seed] > 0 else np.zeros_like(front)
        rows[part.ravel()] = 0
        mask = np.kron(part, np.ones((patch, patch))).astype(np.uint8)
        filled = ndimage.binary_fill_holes(refine(small, mask) >= 0.5)
        union = np.logical_or(filled, mask).sum()
        if union == 0 or np.logical_and(filled, mask).sum() / union < 0.5:
            continue
        found.append(np.array(Image.fromarray(np.uint8(filled * 255)).resize((width, height))) > 127)
    return found


jobs = {
    "affinity": lambda: (affinity(), None)[1],
    "eigh": lambda: eigh(kept)[0],
    "eigsh": lambda: eigsh(kept)[0],
    "affinity+eigh": lambda: eigh(affinity())[0],
    "affinity+eigsh": lambda: eigsh(affinity())[0],
}
hello = {"numpy": np.__version__, "scipy": scipy.__version__, "pydensecrf": "missing"}
if dcrf is not None:
    hello["pydensecrf"] = "importable"
    jobs["crf2"] = lambda: int(refine(photo, central).sum())
    jobs[f"crf{labels}"] = lambda: int(label().sum())
    jobs["photo"] = lambda: len(masks())
print(json.dumps(hello), flush=True)
kept = affinity()
for line in sys.stdin:
    start = time.perf_counter()
    value = jobs[line.strip()]()
    ms = (time.perf_counter() - start) * 1000
    print(json.dumps({"ms": ms, "value": None if value is None else float(value)}), flush=True)
