"""The peer of the ViT benchmark: a vision transformer in PyTorch as DINO defines it (arXiv:2104.14294), with attention written out
(`dino`) and with torch's fused kernel (`sdpa`). Reads one command a line, answers one line of JSON.

    python peer.py weights.safetensors input.f32 positions.f32 <height> <width> <threads>
"""
import json
import struct
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

HEAD_WIDTH = 64


def read_safetensors(path):
    with open(path, 'rb') as file:
        size = struct.unpack('<Q', file.read(8))[0]
        header = json.loads(file.read(size))
        body = file.read()
    return {name: torch.from_numpy(np.frombuffer(body, np.float32, offset=e['data_offsets'][0],
                                                 count=int(np.prod(e['shape']))).reshape(e['shape']).copy())
            for name, e in header.items() if name != '__metadata__'}


def forward(w, pixels, positions, fused):
    dim = positions.shape[-1]
    heads = dim // HEAD_WIDTH
    x = F.conv2d(pixels, w['patch_embed.proj.weight'], w['patch_embed.proj.bias'],
                 stride=w['patch_embed.proj.weight'].shape[-1]).flatten(2).transpose(1, 2)
    x = F.pad(x, (0, 0, 1, 0)) + positions
    n, key, i = x.shape[1], None, 0
    while f'blocks.{i}.norm1.weight' in w:
        b = f'blocks.{i}.'
        y = F.layer_norm(x, (dim,), w[b + 'norm1.weight'], w[b + 'norm1.bias'], 1e-6)
        qkv = F.linear(y, w[b + 'attn.qkv.weight'], w[b + 'attn.qkv.bias'])
        q, k, v = qkv.reshape(1, n, 3, heads, HEAD_WIDTH).permute(2, 0, 3, 1, 4)
        if fused:
            y = F.scaled_dot_product_attention(q, k, v)
        else:
            y = ((q @ k.transpose(-2, -1)) * HEAD_WIDTH ** -0.5).softmax(dim=-1) @ v
        x = x + F.linear(y.transpose(1, 2).reshape(1, n, dim), w[b + 'attn.proj.weight'], w[b + 'attn.proj.bias'])
        y = F.layer_norm(x, (dim,), w[b + 'norm2.weight'], w[b + 'norm2.bias'], 1e-6)
        y = F.gelu(F.linear(y, w[b + 'mlp.fc1.weight'], w[b + 'mlp.fc1.bias']))
        x = x + F.linear(y, w[b + 'mlp.fc2.weight'], w[b + 'mlp.fc2.bias'])
        key, i = k, i + 1
    return F.layer_norm(x, (dim,), w['norm.weight'], w['norm.bias'], 1e-6)[:, 0], key.transpose(1, 2).reshape(n, dim)


def main():
    weights, pixels, positions, height, width, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    w = read_safetensors(weights)
    dim = w['cls_token'].shape[-1]
    x = torch.from_numpy(np.fromfile(pixels, np.float32).reshape(1, 3, int(height), int(width)))
    p = torch.from_numpy(np.fromfile(positions, np.float32).reshape(1, -1, dim))
    print(json.dumps({'torch': torch.__version__}), flush=True)
    for line in sys.stdin:
        with torch.inference_mode():
            start, cpu = time.perf_counter(), time.process_time()
            cls, key = forward(w, x, p, line.strip() == 'sdpa')
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        step = max(1, key.numel() // 4096)
        print(json.dumps({'seconds': seconds, 'cpuSeconds': cpu, 'keys': key.flatten()[::step].tolist()}), flush=True)


main()
