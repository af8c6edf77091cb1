"""The peer of the training benchmark: one training step of the same network in PyTorch with the operators detectron2 uses (torch's
convolutions, batch and group normalization, torchvision's nms and aligned roi_align with adaptive sampling, forward and backward), its
losses, matching and sampling counts, per-parameter gradient clipping and SGD with momentum. Written for this benchmark from the
definitions; README.md says what differs from detectron2. Reads one command a line, answers one line of JSON.

    python train_peer.py weights.safetensors image.f32 truth.json config.json <height> <width> <threads> <float32|bfloat16>

`image.f32` is normalized, [3, H, W]; `truth.json` holds `boxes`, `classes`, `masks` (file of [G, H, W] bytes) and `semantic` (file of [H, W] bytes).
"""
import contextlib
import json
import math
import resource
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torchvision.ops import batched_nms, box_iou, roi_align

from export_peer import Network, clip, decode, read_safetensors


class Trainer(Network):
    def conv(self, name, x, stride=1, relu=False):
        w = self.w[f'{name}.weight']
        x = F.conv2d(x, w, self.w.get(f'{name}.bias'), stride=stride, padding=w.shape[-1] // 2)
        norm = f'{name}.norm'
        if f'{norm}.running_mean' in self.w:
            x = F.batch_norm(x, self.w[f'{norm}.running_mean'], self.w[f'{norm}.running_var'],
                             self.w[f'{norm}.weight'], self.w[f'{norm}.bias'], training=True, eps=1e-5)
        elif f'{norm}.weight' in self.w:
            x = F.group_norm(x, 32, self.w[f'{norm}.weight'], self.w[f'{norm}.bias'], 1e-5)
        return F.relu_(x) if relu else x

    def pool(self, pyramid, boxes, side, ratio):
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        levels = torch.floor(4 + torch.log2(area.sqrt() / 224 + 1e-8)).clamp(2, 5).long() - 2
        out = torch.zeros(len(boxes), pyramid[0].shape[1], side, side)
        rois = torch.cat([torch.zeros(len(boxes), 1), boxes], 1)
        for i, x in enumerate(pyramid[:4]):
            rows = (levels == i).nonzero()[:, 0]
            out = out.index_put((rows,), roi_align(x.float(), rois[rows], (side, side), 0.25 / 2 ** i, ratio, True))
        return out

    def anchors_and_predictions(self, pyramid):
        c, head = self.c['rpn'], 'proposal_generator.rpn_head'
        levels = []
        for i, x in enumerate(pyramid):
            hidden = self.conv(f'{head}.conv', x, 1, True)
            logits = self.conv(f'{head}.objectness_logits', hidden).permute(0, 2, 3, 1).flatten().float()
            deltas = self.conv(f'{head}.anchor_deltas', hidden)[0].permute(1, 2, 0).reshape(-1, 4).float()
            cells = []
            for side in c['anchorSizes'][i]:
                for aspect in c['aspectRatios']:
                    w = math.sqrt(side * side / aspect)
                    cells.append([-w / 2, -aspect * w / 2, w / 2, aspect * w / 2])
            h, w = x.shape[2:]
            y, z = torch.meshgrid(torch.arange(h) * 4.0 * 2 ** i, torch.arange(w) * 4.0 * 2 ** i, indexing='ij')
            levels.append((logits, deltas, (torch.stack((z, y, z, y), -1)[:, :, None] + torch.tensor(cells)).reshape(-1, 4)))
        return levels

    def rpn_losses(self, levels, truth):
        c = self.c['rpn']
        logits, deltas, anchors = (torch.cat(parts) for parts in zip(*levels))
        iou = box_iou(truth, anchors)
        best, matched = iou.max(0)
        labels = torch.full((len(anchors),), -1)
        labels[best < c['iouThresholds'][0]] = 0
        labels[best >= c['iouThresholds'][1]] = 1
        labels[(iou == iou.max(1, keepdim=True).values).any(0)] = 1  # every truth keeps its best anchors
        positive, negative = draw(labels == 1, labels == 0, c['batchSizePerImage'], c['positiveRatio'])
        rows = torch.cat([positive, negative])
        target = (labels[rows] == 1).float()
        cls = F.binary_cross_entropy_with_logits(logits[rows], target, reduction='sum')
        wanted = encode(anchors[positive], truth[matched[positive]], (1, 1, 1, 1))
        loc = (deltas[positive] - wanted).abs().sum()
        return [cls / c['batchSizePerImage'], loc / c['batchSizePerImage']]

    @torch.no_grad()
    def proposals_of(self, levels, size):
        c = self.c['rpn']
        boxes, scores, groups = [], [], []
        for i, (logits, deltas, anchors) in enumerate(levels):
            top, index = logits.topk(min(c['preNmsTopk']['train'], len(logits)))
            boxes.append(clip(decode(deltas[index], anchors[index], (1, 1, 1, 1)), size))
            scores.append(top)
            groups.append(torch.full_like(index, i))
        boxes, scores, groups = torch.cat(boxes), torch.cat(scores), torch.cat(groups)
        keep = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(1)
        boxes, scores, groups = boxes[keep], scores[keep], groups[keep]
        return boxes[batched_nms(boxes, scores, groups, c['nmsThreshold'])[:c['postNmsTopk']['train']]]

    def label(self, boxes, truth, classes, iou):
        best, matched = box_iou(truth, boxes).max(0)
        return torch.where(best >= iou, classes[matched], self.c['roi']['numClasses']), matched

    def roi_losses(self, pyramid, boxes, truth, size):
        c, head, count = self.c['roi'], self.c['boxHead'], self.c['roi']['numClasses']
        boxes = torch.cat([boxes, truth['boxes']])
        labels, matched = self.label(boxes, truth['boxes'], truth['classes'], c['stages'][0]['iou'])
        rows = torch.cat(draw(labels < count, labels == count, c['batchSizePerImage'], c['positiveRatio']))
        boxes, labels, matched = boxes[rows], labels[rows], matched[rows]
        first, losses = (boxes, labels, matched), []
        for stage, entry in enumerate(c['stages']):
            if stage > 0:
                boxes = clip(boxes, size)
                boxes = boxes[((boxes[:, 2:] - boxes[:, :2]) > 0).all(1)]
                labels, matched = self.label(boxes, truth['boxes'], truth['classes'], entry['iou'])
            x = self.pool(pyramid, boxes, head['poolSize'], head['samplingRatio']).flatten(1)
            x = ScaleGradient.apply(x, 1 / len(c['stages']))
            for k in range(head['numFcs']):
                x = F.relu_(self.linear(f'roi_heads.box_head.{stage}.fc{k + 1}', x))
            logits = self.linear(f'roi_heads.box_predictor.{stage}.cls_score', x).float()
            deltas = self.linear(f'roi_heads.box_predictor.{stage}.bbox_pred', x).float()
            losses.append(F.cross_entropy(logits, labels))
            near = (labels < count).nonzero()[:, 0]
            wanted = encode(boxes[near], truth['boxes'][matched[near]], entry['deltaWeights'])
            losses.append((deltas[near] - wanted).abs().sum() / max(len(labels), 1))
            boxes = decode(deltas.detach(), boxes, entry['deltaWeights'])
        return losses + [self.mask_loss(pyramid, *first, truth)], int((first[1] < count).sum())

    def mask_loss(self, pyramid, boxes, labels, matched, truth):
        c, head = self.c['maskHead'], 'roi_heads.mask_head'
        near = (labels < self.c['roi']['numClasses']).nonzero()[:, 0]
        x = self.pool(pyramid, boxes[near], c['poolSize'], c['samplingRatio'])
        for k in range(c['numConvs']):
            x = self.conv(f'{head}.mask_fcn{k + 1}', x, 1, True)
        x = F.relu_(F.conv_transpose2d(x, self.w[f'{head}.deconv.weight'], self.w[f'{head}.deconv.bias'], stride=2))
        logits = self.conv(f'{head}.predictor', x).float()
        logits = logits[torch.arange(len(near)), 0 if c['classAgnostic'] else labels[near]]
        rois = torch.cat([torch.arange(len(near))[:, None].float(), boxes[near]], 1)
        wanted = roi_align(truth['masks'][matched[near]][:, None], rois, logits.shape[1:], 1.0, 0, True)[:, 0] >= 0.5
        return F.binary_cross_entropy_with_logits(logits, wanted.float())

    def semantic_loss(self, pyramid, labels):
        c, total = self.c['semantic'], 0
        for level in (2, 3, 4, 5):
            x = pyramid[level - 2]
            for k in range(max(1, level - 2)):
                x = self.conv(f'sem_seg_head.p{level}.{2 * k}', x, 1, True)
                if level > 2:
                    x = F.interpolate(x, scale_factor=2.0, mode='bilinear', align_corners=False)
            total = total + x
        x = self.conv('sem_seg_head.predictor', total).float()
        x = F.interpolate(x, scale_factor=4.0, mode='bilinear', align_corners=False)
        return c['lossWeight'] * F.cross_entropy(x, labels[None], ignore_index=c['ignoreLabel'])

    def losses(self, image, truth, size):
        pyramid = self.pyramid(image)
        losses = [self.semantic_loss(pyramid, truth['semantic'])]
        levels = self.anchors_and_predictions(pyramid)
        losses += self.rpn_losses(levels, truth['boxes'])
        roi, foreground = self.roi_losses(pyramid, self.proposals_of(levels, size), truth, size)
        return sum(losses + roi), foreground


class ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.factor, None


def draw(positive, negative, count, share):
    positive, negative = positive.nonzero()[:, 0], negative.nonzero()[:, 0]
    take = min(len(positive), int(count * share))
    return (positive[torch.randperm(len(positive))[:take]],
            negative[torch.randperm(len(negative))[:min(len(negative), count - take)]])


def encode(boxes, truth, weights):
    side, wanted = boxes[:, 2:] - boxes[:, :2], truth[:, 2:] - truth[:, :2]
    moved = ((truth[:, :2] + 0.5 * wanted) - (boxes[:, :2] + 0.5 * side)) / side * torch.tensor(weights[:2]).float()
    return torch.cat([moved, torch.tensor(weights[2:]).float() * torch.log(wanted / side)], 1)


def main():
    weights, image, truth_path, config, height, width, threads, precision = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    size = int(height), int(width)
    network = Trainer(read_safetensors(weights), json.load(open(config)))
    fixed = ('running_mean', 'running_var')
    named = {n: w.requires_grad_() for n, w in network.w.items() if not n.endswith(fixed)}
    decayed = [w for n, w in named.items() if '.norm.' not in n]
    others = [w for n, w in named.items() if '.norm.' in n]
    optimizer = torch.optim.SGD([{'params': decayed, 'weight_decay': 5e-5}, {'params': others}], lr=1e-5, momentum=0.9)
    x = torch.from_numpy(np.fromfile(image, np.float32).reshape(1, 3, *size))
    data = json.load(open(truth_path))
    truth = {
        'boxes': torch.tensor(data['boxes'], dtype=torch.float32).reshape(-1, 4),
        'classes': torch.tensor(data['classes']),
        'masks': torch.from_numpy(np.fromfile(data['masks'], np.uint8).reshape(-1, *size)).float(),
        'semantic': torch.from_numpy(np.fromfile(data['semantic'], np.uint8).reshape(size)).long(),
    }
    print(json.dumps({'torch': torch.__version__}), flush=True)
    for _ in sys.stdin:
        start, cpu = time.perf_counter(), time.process_time()
        low = torch.autocast('cpu', torch.bfloat16) if precision == 'bfloat16' else contextlib.nullcontext()
        with low:
            total, foreground = network.losses(x, truth, size)
        optimizer.zero_grad()
        total.backward()
        for w in named.values():
            torch.nn.utils.clip_grad_norm_([w], 1.0)
        optimizer.step()
        answer = {'ms': 1000 * (time.perf_counter() - start), 'cpuMs': 1000 * (time.process_time() - cpu)}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({**answer, 'total': total.item(), 'foreground': foreground, 'peakMb': peak}), flush=True)


if __name__ == '__main__':
    main()
