"""One STEGO training step in torch, written from the paper's formulas; see README.md."""
import json
import sys
import time

sizes = json.loads(sys.argv[1])
try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    print(json.dumps({"missing": str(error)}), flush=True)
    sys.exit(0)

torch.manual_seed(0)
torch.set_num_threads(sizes["threads"])
B, D, G, C, S, K = (sizes[key] for key in ("batch", "dim", "grid", "code", "samples", "clusters"))


class Head(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Conv2d(D, C, 1)
        self.nonlinear = torch.nn.Sequential(torch.nn.Conv2d(D, D, 1), torch.nn.ReLU(), torch.nn.Conv2d(D, C, 1))
        self.drop = torch.nn.Dropout2d(0.1)

    def forward(self, x):
        code = self.linear(self.drop(x)) + self.nonlinear(self.drop(x))
        return self.drop(x), code


head = Head()
clusters = torch.nn.Parameter(torch.randn(K, C))
optimizers = [torch.optim.Adam(head.parameters(), lr=5e-4), torch.optim.Adam([clusters], lr=5e-3)]
features = torch.randn(B, D, G, G)
neighbors = torch.randn(B, D, G, G)


def unit(t):
    return F.normalize(t, dim=1, eps=1e-10)


def pick(t, coords):
    return F.grid_sample(t, coords.permute(0, 2, 1, 3), padding_mode="border", align_corners=True)


def term(f1, f2, c1, c2, shift):
    with torch.no_grad():
        fd = torch.einsum("nchw,ncij->nhwij", unit(f1), unit(f2))
        mean = fd.mean()
        fd = fd - fd.mean([3, 4], keepdim=True)
        fd = fd - fd.mean() + mean
    cd = torch.einsum("nchw,ncij->nhwij", unit(c1), unit(c2))
    return (-cd.clamp(0.0) * (fd - shift)).mean()


def step():
    for optimizer in optimizers:
        optimizer.zero_grad()
    f, c = head(features)
    fp, cp = head(neighbors)
    a = torch.rand(B, S, S, 2) * 2 - 1
    b = torch.rand(B, S, S, 2) * 2 - 1
    fs, cs, fps, cps = pick(f, a), pick(c, a), pick(fp, b), pick(cp, b)
    loss = 0.67 * term(fs, fs, cs, cs, 0.18) + 0.25 * term(fs, fps, cs, cps, 0.12)
    negative = 0
    for _ in range(sizes["negatives"]):
        perm = torch.randperm(B)
        negative = negative + term(fs, pick(f[perm], b), cs, pick(c[perm], b), 0.46) / sizes["negatives"]
    inner = torch.einsum("bchw,nc->bnhw", F.normalize(c.detach(), dim=1), F.normalize(clusters, dim=1))
    chosen = F.one_hot(inner.argmax(1), K).permute(0, 3, 1, 2).float()
    total = loss + 0.63 * negative - (chosen * inner).sum(1).mean()
    total.backward()
    for optimizer in optimizers:
        optimizer.step()
    return total.item()


print(json.dumps({"ready": f"torch {torch.__version__}, {sizes['threads']} threads"}), flush=True)
for _ in sys.stdin:
    began = time.perf_counter()
    step()
    print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)
