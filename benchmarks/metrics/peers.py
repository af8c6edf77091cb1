"""Python peers of the metrics benchmark: reads one JSON request a line, answers with seconds.

python peers.py FOLDER     FOLDER holds gt.json, boxes.json, masks.json, annotations.json, maps.bin, maps.json, 0.png ...
"""

import contextlib
import io
import json
import os
import sys
import time

folder = sys.argv[1]
cache = {}


class Stopwatch:
    """Seconds by the clock and of the processor (all threads) since it was made: what is loaded before does not count."""

    def __init__(self):
        self.wall = time.perf_counter()
        self.cpu = time.process_time()

    def answer(self, value):
        return {
            "seconds": time.perf_counter() - self.wall,
            "cpu": time.process_time() - self.cpu,
            "value": float(value),
        }


def path(name):
    return os.path.join(folder, name)


def once(key, make):
    if key not in cache:
        cache[key] = make()
    return cache[key]


def coco_classes(peer):
    if peer == "pycocotools":
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        return COCO, lambda gt, dt, kind: COCOeval(gt, dt, kind)
    if peer == "faster-coco-eval":
        from faster_coco_eval import COCO, COCOeval_faster

        return COCO, lambda gt, dt, kind: COCOeval_faster(gt, dt, kind)
    from hotcoco import COCO, COCOeval

    return COCO, lambda gt, dt, kind: COCOeval(gt, dt, kind)


def coco(peer, kind):
    COCO, make = coco_classes(peer)
    gt = once((peer, "gt"), lambda: COCO(path("gt.json")))
    results = "boxes.json" if kind == "bbox" else "masks.json"
    dt = once((peer, kind), lambda: gt.loadRes(path(results)))
    watch = Stopwatch()
    evaluation = make(gt, dt, kind)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return watch.answer(evaluation.stats[0])


def load(peer):
    COCO, _ = coco_classes(peer)
    watch = Stopwatch()
    COCO(path("annotations.json"))
    return watch.answer(0)


def maps(dtype):
    import numpy as np

    meta = json.load(open(path("maps.json")))
    raw = np.fromfile(path("maps.bin"), dtype=np.uint8)
    shaped = raw.reshape(meta["count"], 2, meta["height"], meta["width"])
    return meta, [(pair[0].astype(dtype), pair[1].astype(dtype)) for pair in shaped]


def panoptic():
    """panopticapi's computation on maps in memory (it is not on PyPI): np.unique of the combined ids, then the matching."""
    import numpy as np

    meta, pairs = once("maps32", lambda: maps(np.uint32))
    offset = 256 * 256 * 256
    watch = Stopwatch()
    counts = {}
    for _ in range(meta["repeat"]):
        for gt, prediction in pairs:
            gt_area = dict(zip(*(x.tolist() for x in np.unique(gt, return_counts=True))))
            pred_area = dict(zip(*(x.tolist() for x in np.unique(prediction, return_counts=True))))
            both = gt.astype(np.uint64) * offset + prediction.astype(np.uint64)
            labels, sizes = np.unique(both, return_counts=True)
            shared = {(int(l) // offset, int(l) % offset): int(s) for l, s in zip(labels, sizes)}
            matched_gt, matched_pred = set(), set()
            for (g, p), inter in shared.items():
                if g == 0 or p == 0 or g % 27 != p % 27:
                    continue
                iou = inter / (gt_area[g] + pred_area[p] - inter - shared.get((0, p), 0))
                if iou > 0.5:
                    stat = counts.setdefault(g % 27, [0, 0, 0, 0.0])
                    stat[0] += 1
                    stat[3] += iou
                    matched_gt.add(g)
                    matched_pred.add(p)
            for g in gt_area:
                if g and g not in matched_gt:
                    counts.setdefault(g % 27, [0, 0, 0, 0.0])[2] += 1
            for p in pred_area:
                if p and p not in matched_pred and shared.get((0, p), 0) / pred_area[p] <= 0.5:
                    counts.setdefault(p % 27, [0, 0, 0, 0.0])[1] += 1
    pq = [s[3] / (s[0] + 0.5 * s[1] + 0.5 * s[2]) for s in counts.values()]
    return watch.answer(sum(pq) / len(pq))


def semantic():
    """27 x 27 confusion by bincount, scipy's linear_sum_assignment, mean IoU."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    meta, pairs = once("maps64", lambda: maps(np.int64))
    watch = Stopwatch()
    stats = np.zeros((27, 27), dtype=np.int64)
    for _ in range(meta["repeat"]):
        for gt, prediction in pairs:
            gt, prediction = gt.reshape(-1), prediction.reshape(-1)
            keep = (gt >= 0) & (gt < 27) & (prediction >= 0) & (prediction < 27)
            stats += np.bincount(27 * prediction[keep] + gt[keep], minlength=27 * 27).reshape(27, 27)
    rows, columns = linear_sum_assignment(stats, maximize=True)
    aligned = stats[np.argsort(columns)]
    tp = np.diag(aligned)
    with np.errstate(invalid="ignore"):
        iou = tp / (aligned.sum(0) + aligned.sum(1) - tp)
    return watch.answer(np.nanmean(iou))


def pngs():
    """Reading the panoptic PNGs as panopticapi does: Pillow, then ids from the three channels."""
    import numpy as np
    from PIL import Image

    meta = json.load(open(path("maps.json")))
    watch = Stopwatch()
    total = 0
    for _ in range(meta["repeat"]):
        for i in range(2 * meta["count"]):
            rgb = np.array(Image.open(path(f"{i}.png")), dtype=np.uint32)
            total += (rgb[:, :, 0] + 256 * rgb[:, :, 1] + 256 * 256 * rgb[:, :, 2]).size
    return watch.answer(total)


def versions():
    import importlib.metadata as metadata

    found = {}
    for name in ["numpy", "scipy", "pycocotools", "faster-coco-eval", "hotcoco", "pillow"]:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return {"versions": found}


jobs = {"coco": coco, "load": load, "panoptic": panoptic, "pngs": pngs, "semantic": semantic, "versions": versions}
for line in sys.stdin:
    request = json.loads(line)
    quiet = io.StringIO()
    try:
        with contextlib.redirect_stdout(quiet):
            answer = jobs[request["job"]](*request.get("args", []))
    except ImportError as error:
        answer = {"missing": str(error)}
    print(json.dumps(answer), flush=True)
