"""faiss-cpu's k-means, one run per line of input; see README.md."""
import json
import sys
import time

sizes = json.loads(sys.argv[1])
try:
    import faiss
    import numpy as np
except ImportError as error:
    print(json.dumps({"missing": str(error)}), flush=True)
    sys.exit(0)

points = np.fromfile(sizes["points"], dtype=np.float32).reshape(sizes["n"], sizes["dim"])
start = np.fromfile(sizes["start"], dtype=np.float32).reshape(sizes["k"], sizes["dim"])
faiss.omp_set_num_threads(sizes["threads"])
print(json.dumps({"ready": f"faiss {faiss.__version__}, {sizes['threads']} threads"}), flush=True)
for _ in sys.stdin:
    kmeans = faiss.Kmeans(
        sizes["dim"], sizes["k"], niter=sizes["iterations"], nredo=1, verbose=False,
        min_points_per_centroid=1, max_points_per_centroid=10**9,
    )
    began, busy = time.perf_counter(), time.process_time()
    kmeans.train(points, init_centroids=start)
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    np.asarray(kmeans.centroids, dtype=np.float32).tofile(sizes["out"])
    done = len(kmeans.iteration_stats)
    print(json.dumps({"seconds": seconds, "processorSeconds": busy, "iterations": done}), flush=True)
