"""Writes test/golden/dinov2.json: outputs of a tiny DINOv2 in PyTorch, from its definition (arXiv:2304.07193 and the
published model code's behaviour), with parameters made by a formula that the test repeats.

    python tools/dinov2-golden.py > test/golden/dinov2.json

Float64 throughout; torch 2.5.1. Tolerance of the test: 1e-5 of the largest value, as for the DINO goldens.
"""
import json
import math
import sys

import numpy as np
import torch
import torch.nn.functional as F

DIM, DEPTH, HEADS, PATCH, GRID, HIDDEN = 16, 2, 2, 14, 5, 32


def shapes(registers):
    out = [('cls_token', (1, 1, DIM)), ('pos_embed', (1, 1 + GRID * GRID, DIM)),
           ('patch_embed.proj.weight', (DIM, 3, PATCH, PATCH)), ('patch_embed.proj.bias', (DIM,))]
    if registers:
        out.append(('register_tokens', (1, registers, DIM)))
    for i in range(DEPTH):
        b = f'blocks.{i}.'
        out += [(b + 'norm1.weight', (DIM,)), (b + 'norm1.bias', (DIM,)), (b + 'attn.qkv.weight', (3 * DIM, DIM)),
                (b + 'attn.qkv.bias', (3 * DIM,)), (b + 'attn.proj.weight', (DIM, DIM)), (b + 'attn.proj.bias', (DIM,)),
                (b + 'ls1.gamma', (DIM,)), (b + 'norm2.weight', (DIM,)), (b + 'norm2.bias', (DIM,)),
                (b + 'mlp.fc1.weight', (HIDDEN, DIM)), (b + 'mlp.fc1.bias', (HIDDEN,)),
                (b + 'mlp.fc2.weight', (DIM, HIDDEN)), (b + 'mlp.fc2.bias', (DIM,)), (b + 'ls2.gamma', (DIM,))]
    return out + [('norm.weight', (DIM,)), ('norm.bias', (DIM,))]


def formula(seed, count):
    i = np.arange(count, dtype=np.uint64)
    mixed = (i * 2654435761 + (seed + 1) * 40503 * 65537) % 2 ** 32
    mixed = (mixed ^ (mixed >> 15)) * 2246822519 % 2 ** 32
    return (mixed >> 8).astype(np.float64) / 2 ** 24 - 0.5


def parameters(registers):
    return {name: torch.from_numpy(formula(p, int(np.prod(shape))).reshape(shape))
            for p, (name, shape) in enumerate(shapes(registers))}


def positions(w, grid_h, grid_w, registers):
    embedding = w['pos_embed']
    if grid_h == GRID and grid_w == GRID:
        return embedding
    patches = embedding[:, 1:].reshape(1, GRID, GRID, DIM).permute(0, 3, 1, 2)
    if registers:
        patches = F.interpolate(patches, size=(grid_h, grid_w), mode='bicubic', antialias=True)
    else:
        patches = F.interpolate(patches, mode='bicubic', antialias=False,
                                scale_factor=((grid_h + 0.1) / GRID, (grid_w + 0.1) / GRID))
    return torch.cat([embedding[:, :1], patches.permute(0, 2, 3, 1).reshape(1, -1, DIM)], 1)


def forward(w, pixels, registers):
    grid_h, grid_w = pixels.shape[2] // PATCH, pixels.shape[3] // PATCH
    x = F.conv2d(pixels, w['patch_embed.proj.weight'], w['patch_embed.proj.bias'], stride=PATCH)
    x = torch.cat([w['cls_token'], x.flatten(2).transpose(1, 2)], 1) + positions(w, grid_h, grid_w, registers)
    if registers:
        x = torch.cat([x[:, :1], w['register_tokens'], x[:, 1:]], 1)
    n = x.shape[1]
    for i in range(DEPTH):
        b = f'blocks.{i}.'
        y = F.layer_norm(x, (DIM,), w[b + 'norm1.weight'], w[b + 'norm1.bias'], 1e-6)
        qkv = F.linear(y, w[b + 'attn.qkv.weight'], w[b + 'attn.qkv.bias'])
        q, k, v = qkv.reshape(1, n, 3, HEADS, DIM // HEADS).permute(2, 0, 3, 1, 4)
        attention = ((q * (DIM // HEADS) ** -0.5) @ k.transpose(-2, -1)).softmax(-1)
        y = (attention @ v).transpose(1, 2).reshape(1, n, DIM)
        x = x + w[b + 'ls1.gamma'] * F.linear(y, w[b + 'attn.proj.weight'], w[b + 'attn.proj.bias'])
        y = F.layer_norm(x, (DIM,), w[b + 'norm2.weight'], w[b + 'norm2.bias'], 1e-6)
        y = F.gelu(F.linear(y, w[b + 'mlp.fc1.weight'], w[b + 'mlp.fc1.bias']))
        x = x + w[b + 'ls2.gamma'] * F.linear(y, w[b + 'mlp.fc2.weight'], w[b + 'mlp.fc2.bias'])
    tokens = F.layer_norm(x, (DIM,), w['norm.weight'], w['norm.bias'], 1e-6)
    return tokens, k.transpose(1, 2).reshape(1, n, DIM)


cases = []
for registers in (0, 4):
    w = parameters(registers)
    for grid_h, grid_w in ((5, 5), (3, 4), (8, 6)):
        pixels = torch.from_numpy(4 * formula(1000, 3 * grid_h * grid_w * PATCH * PATCH))
        tokens, key = forward(w, pixels.reshape(1, 3, grid_h * PATCH, grid_w * PATCH), registers)
        last = (1 + registers + grid_h * grid_w - 1)
        cases.append({
            'registers': registers, 'gridH': grid_h, 'gridW': grid_w,
            'positions': [round(x, 9) for x in positions(w, grid_h, grid_w, registers)[0].flatten().tolist()],
            'cls': tokens[0, 0].tolist(), 'lastToken': tokens[0, last].tolist(), 'lastKey': key[0, last].tolist(),
        })
json.dump({'script': 'tools/dinov2-golden.py', 'torch': torch.__version__, 'dim': DIM, 'depth': DEPTH, 'heads': HEADS,
           'patchSize': PATCH, 'positionGrid': GRID, 'hidden': HIDDEN, 'cases': cases}, sys.stdout)
