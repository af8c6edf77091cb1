"""Times of Pillow and numpy for the jobs of run.ts: reads a job list from standard input, answers with milliseconds."""
import json
import sys
import time

import numpy as np
import PIL
from PIL import Image


def timed(function, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append((time.perf_counter() - start) * 1000)
    return times


def panoptic(path):
    rgb = np.asarray(Image.open(path), dtype=np.uint32)
    return rgb[..., 0] + 256 * rgb[..., 1] + 65536 * rgb[..., 2]


print(json.dumps({"pillow": PIL.__version__, "numpy": np.__version__}), flush=True)
for line in sys.stdin:
    job = json.loads(line)
    image = Image.open(job["photo"]).convert("RGB")
    height, width = job["size"]
    work = {
        "resize": lambda: image.resize((width, height), Image.LANCZOS),
        "decode": lambda: Image.open(job["photo"]).convert("RGB"),
        "panoptic": lambda: panoptic(job["panoptic"]),
    }[job["kind"]]
    print(json.dumps(timed(work, job["repeats"])), flush=True)
