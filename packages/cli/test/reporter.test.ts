import { expect, it } from 'vitest';
import { glance } from '../src/progress/reporter.ts';
import { lineReporter } from '../src/progress/line-reporter.ts';

const event = {
  stage: 'train',
  done: 10,
  total: 30,
  unit: 'iterations',
  values: {
    loss: 2.5,
    loss_sem_seg: 0.5,
    loss_rpn_cls: 0.25,
    loss_rpn_loc: 0.25,
    loss_cls_stage0: 0.5,
    loss_cls_stage1: 0.25,
    loss_box_reg_stage0: 0.125,
    loss_box_reg_stage1: 0.125,
    loss_mask: 0.5,
    lr: 0.002,
    imagesPerSecond: 3.25,
    secondsLeft: 40,
    memoryMiB: 812.4,
    tensors: 483,
  },
};

it('says losses, learning rate, images a second and memory of a training step', () => {
  expect(glance(event)).toBe('loss 2.5 (sem 0.5 rpn 0.5 cls 0.75 box 0.25 mask 0.5) lr 2.0e-3 3.25 images/s 812 MiB');
  expect(glance({ stage: 'train', done: 1, unit: 'steps', values: { loss: 0.005 } })).toBe('loss 5.0e-3');
  expect(glance({ stage: 'propose', done: 1, unit: 'photos' })).toBe('');
});

it('writes a line every ten seconds, with the time left', () => {
  const lines: string[] = [];
  let now = 0;
  const reporter = lineReporter(
    (line) => lines.push(line),
    () => now,
  );
  reporter.begin('train', 'Training');
  for (const done of [1, 10, 11]) {
    now = 1000 * done;
    reporter.progress({ ...event, done });
  }
  expect(lines).toEqual([
    'Training',
    '  train 10/30 iterations, 1.00 iterations/s, 20s left, loss 2.5 (sem 0.5 rpn 0.5 cls 0.75 box 0.25 mask 0.5) lr 2.0e-3 3.25 images/s 812 MiB',
  ]);
});
