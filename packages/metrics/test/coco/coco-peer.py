"""pycocotools on generated cases: reads a JSON list from standard input, answers with a JSON list."""

import contextlib
import io
import json
import sys

import pycocotools.mask as mask_api
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def evaluate(case):
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO()
        gt.dataset = case["gt"]
        gt.createIndex()
        dt = gt.loadRes(case["dt"]) if case["dt"] else COCO()
        if not case["dt"]:
            dt.dataset = {"images": case["gt"]["images"], "categories": case["gt"]["categories"], "annotations": []}
            dt.createIndex()
        evaluation = COCOeval(gt, dt, case["iouType"])
        evaluation.params.maxDets = case["maxDets"]
        evaluation.params.useCats = case["useCats"]
        evaluation.evaluate()
        evaluation.accumulate()
        stats = None
        if len(case["maxDets"]) == 3:
            evaluation.summarize()
            stats = [float(x) for x in evaluation.stats]
    curves = {name: evaluation.eval[name].ravel().tolist() for name in ["precision", "recall", "scores"]}
    return {"stats": stats, **curves}


def masks(polygons, height, width):
    """Run lengths, area and box of polygons, and of their union."""
    rle = mask_api.merge(mask_api.frPyObjects(polygons, height, width))
    return {
        "string": rle["counts"].decode(),
        "area": int(mask_api.area(rle)),
        "bbox": [float(x) for x in mask_api.toBbox(rle)],
    }


request = json.load(sys.stdin)
json.dump(
    {
        "evaluations": [evaluate(case) for case in request["cases"]],
        "masks": [masks(*one) for one in request["masks"]],
    },
    sys.stdout,
)
