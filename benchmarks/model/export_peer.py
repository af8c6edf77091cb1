"""The peer of the inference benchmark: the same network in PyTorch with the operators detectron2 uses (torch convolutions, torchvision's
nms and aligned roi_align with adaptive sampling), up to masks inside their boxes and the semantic map at image size. Written for this
benchmark, for frozen or batch normalization with running statistics. Reads one command a line, answers one line of JSON.

    python export_peer.py weights.safetensors image.f32 config.json <height> <width> <threads>

`image.f32` is normalized, [3, H, W].
"""
import json
import math
import struct
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torchvision.ops import batched_nms, roi_align

CLAMP = math.log(1000 / 16)


def read_safetensors(path):
    with open(path, 'rb') as file:
        size = struct.unpack('<Q', file.read(8))[0]
        header = json.loads(file.read(size))
        body = file.read()
    return {name: torch.from_numpy(np.frombuffer(body, np.float32, offset=e['data_offsets'][0],
                                                 count=int(np.prod(e['shape']))).reshape(e['shape']).copy())
            for name, e in header.items() if name != '__metadata__' and e['dtype'] == 'F32'}


class Network:
    def __init__(self, weights, config):
        self.w, self.c = weights, config

    def conv(self, name, x, stride=1, relu=False):
        w = self.w[f'{name}.weight']
        pad = w.shape[-1] // 2
        x = F.conv2d(x, w, self.w.get(f'{name}.bias'), stride=stride, padding=pad)
        if f'{name}.norm.running_mean' in self.w:
            x = F.batch_norm(x, *[self.w[f'{name}.norm.{k}'] for k in ('running_mean', 'running_var', 'weight', 'bias')], eps=1e-5)
        elif f'{name}.norm.weight' in self.w:
            x = F.group_norm(x, 32, self.w[f'{name}.norm.weight'], self.w[f'{name}.norm.bias'], 1e-5)
        return F.relu_(x) if relu else x

    def linear(self, name, x):
        return F.linear(x, self.w[f'{name}.weight'], self.w[f'{name}.bias'])

    def pyramid(self, x):
        p = 'backbone.bottom_up'
        x = F.max_pool2d(self.conv(f'{p}.stem.conv1', x, 2, True), 3, 2, 1)
        maps = []
        for i, blocks in enumerate(self.c['resnet']['blocks']):
            for b in range(blocks):
                n, stride = f'{p}.res{i + 2}.{b}', 2 if i > 0 and b == 0 else 1
                y = self.conv(f'{n}.conv2', self.conv(f'{n}.conv1', x, 1, True), stride, True)
                short = self.conv(f'{n}.shortcut', x, stride) if f'{n}.shortcut.weight' in self.w else x
                x = F.relu_(self.conv(f'{n}.conv3', y) + short)
            maps.append(x)
        out, top = [], None
        for level in (5, 4, 3, 2):
            lateral = self.conv(f'backbone.fpn_lateral{level}', maps[level - 2])
            top = lateral if top is None else lateral + F.interpolate(top, scale_factor=2.0, mode='nearest')
            out.insert(0, self.conv(f'backbone.fpn_output{level}', top))
        return out + [F.max_pool2d(out[-1], 1, 2)]

    def proposals(self, pyramid, size):
        c, head = self.c['rpn'], 'proposal_generator.rpn_head'
        boxes, scores, levels = [], [], []
        for i, x in enumerate(pyramid):
            hidden = self.conv(f'{head}.conv', x, 1, True)
            logits = self.conv(f'{head}.objectness_logits', hidden).permute(0, 2, 3, 1).flatten()
            deltas = self.conv(f'{head}.anchor_deltas', hidden)[0].permute(1, 2, 0).reshape(-1, 4)
            cells = []
            for side in c['anchorSizes'][i]:
                for ratio in c['aspectRatios']:
                    w = math.sqrt(side * side / ratio)
                    cells.append([-w / 2, -ratio * w / 2, w / 2, ratio * w / 2])
            h, w = x.shape[2:]
            y, z = torch.meshgrid(torch.arange(h) * 4.0 * 2 ** i, torch.arange(w) * 4.0 * 2 ** i, indexing='ij')
            anchors = (torch.stack((z, y, z, y), -1)[:, :, None] + torch.tensor(cells)).reshape(-1, 4)
            top, index = logits.topk(min(c['preNmsTopk']['test'], len(logits)))
            boxes.append(clip(decode(deltas[index], anchors[index], (1, 1, 1, 1)), size))
            scores.append(top)
            levels.append(torch.full_like(index, i))
        boxes, scores, levels = torch.cat(boxes), torch.cat(scores), torch.cat(levels)
        keep = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(1)
        boxes, scores, levels = boxes[keep], scores[keep], levels[keep]
        return boxes[batched_nms(boxes, scores, levels, c['nmsThreshold'])[:c['postNmsTopk']['test']]]

    def pool(self, pyramid, boxes, side, ratio):
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        levels = torch.floor(4 + torch.log2(area.sqrt() / 224 + 1e-8)).clamp(2, 5).long() - 2
        out = torch.zeros(len(boxes), pyramid[0].shape[1], side, side)
        rois = torch.cat([torch.zeros(len(boxes), 1), boxes], 1)
        for i, x in enumerate(pyramid[:4]):
            rows = (levels == i).nonzero()[:, 0]
            out.index_put_((rows,), roi_align(x, rois[rows], (side, side), 0.25 / 2 ** i, ratio, True))
        return out

    def detect(self, pyramid, boxes, size):
        c, head = self.c['roi'], self.c['boxHead']
        mean = 0
        for stage, entry in enumerate(c['stages']):
            x = self.pool(pyramid, boxes, head['poolSize'], head['samplingRatio']).flatten(1)
            for k in range(head['numFcs']):
                x = F.relu_(self.linear(f'roi_heads.box_head.{stage}.fc{k + 1}', x))
            mean = mean + F.softmax(self.linear(f'roi_heads.box_predictor.{stage}.cls_score', x), -1)
            deltas = self.linear(f'roi_heads.box_predictor.{stage}.bbox_pred', x)
            boxes = clip(decode(deltas, boxes, entry['deltaWeights']), size)
        scores = (mean / len(c['stages']))[:, :-1]
        rows, classes = (scores > c['minScore']).nonzero().T
        scores = scores[rows, classes]
        keep = batched_nms(boxes[rows], scores, classes, c['nmsThreshold'])[:c['detectionsPerImage']]
        return boxes[rows[keep]], scores[keep], classes[keep]

    def masks(self, pyramid, boxes, classes):
        c, head = self.c['maskHead'], 'roi_heads.mask_head'
        x = self.pool(pyramid, boxes, c['poolSize'], c['samplingRatio'])
        for k in range(c['numConvs']):
            x = self.conv(f'{head}.mask_fcn{k + 1}', x, 1, True)
        x = F.relu_(F.conv_transpose2d(x, self.w[f'{head}.deconv.weight'], self.w[f'{head}.deconv.bias'], stride=2))
        x = self.conv(f'{head}.predictor', x)
        return x[torch.arange(len(x)), 0 if c['classAgnostic'] else classes].sigmoid()

    def semantic(self, pyramid, size):
        total = 0
        for level in (2, 3, 4, 5):
            x = pyramid[level - 2]
            for k in range(max(1, level - 2)):
                x = self.conv(f'sem_seg_head.p{level}.{2 * k}', x, 1, True)
                if level > 2:
                    x = F.interpolate(x, scale_factor=2.0, mode='bilinear', align_corners=False)
            total = total + x
        x = self.conv('sem_seg_head.predictor', total)
        return F.interpolate(x, scale_factor=4.0, mode='bilinear', align_corners=False)[0, :, :size[0], :size[1]].argmax(0)

    def __call__(self, image, size):
        pyramid = self.pyramid(image)
        boxes, scores, classes = self.detect(pyramid, self.proposals(pyramid, size), size)
        return boxes, scores, classes, self.masks(pyramid, boxes, classes), self.semantic(pyramid, size)


def decode(deltas, boxes, weights):
    side = boxes[:, 2:] - boxes[:, :2]
    centre = boxes[:, :2] + 0.5 * side
    moved = deltas[:, :2] / torch.tensor(weights[:2], dtype=torch.float32) * side + centre
    grown = (deltas[:, 2:] / torch.tensor(weights[2:], dtype=torch.float32)).clamp(max=CLAMP).exp() * side
    return torch.cat([moved - 0.5 * grown, moved + 0.5 * grown], 1)


def clip(boxes, size):
    limit = torch.tensor([size[1], size[0], size[1], size[0]], dtype=torch.float32)
    return torch.minimum(boxes.clamp(min=0), limit)


def main():
    weights, image, config, height, width, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    size = int(height), int(width)
    network = Network(read_safetensors(weights), json.load(open(config)))
    x = torch.from_numpy(np.fromfile(image, np.float32).reshape(1, 3, *size))
    print(json.dumps({'torch': torch.__version__}), flush=True)
    for _ in sys.stdin:
        with torch.inference_mode():
            start, cpu = time.perf_counter(), time.process_time()
            boxes, scores, classes, masks, semantic = network(x, size)
            ms, cpu_ms = (1000 * (time.perf_counter() - start), 1000 * (time.process_time() - cpu))
        print(json.dumps({'ms': ms, 'cpuMs': cpu_ms, 'scores': scores.tolist(), 'classes': classes.tolist(),
                          'boxes': boxes.flatten().tolist()}), flush=True)


if __name__ == '__main__':
    main()
