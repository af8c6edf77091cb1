import { describe, expect, it } from 'vitest';
import { mergeSettings } from '../../src/config/merge-settings.ts';

describe('mergeSettings', () => {
  it('gives nothing for nothing', () => {
    expect(mergeSettings()).toEqual({});
    expect(mergeSettings({}, {})).toEqual({});
  });

  it('lays the later over the earlier, section by section', () => {
    expect(
      mergeSettings({ seed: 1, clustering: { k: 3, redos: 2 } }, { clustering: { k: 5 } }, { merge: { minArea: 9 } }),
    ).toEqual({ seed: 1, clustering: { k: 5, redos: 2 }, merge: { minArea: 9 } });
  });

  it('replaces a list by a list, and keeps null, which switches a setting off', () => {
    expect(
      mergeSettings(
        { rounds: { scales: [0.5, 0.75, 1] }, train: { dropLossIou: 0.01 } },
        { rounds: { scales: [1] }, train: { dropLossIou: null } },
      ),
    ).toEqual({ rounds: { scales: [1] }, train: { dropLossIou: null } });
  });

  it('leaves its parts as they were', () => {
    const part = { clustering: { k: 3 } };
    mergeSettings(part, { clustering: { k: 5, redos: 1 } });
    expect(part).toEqual({ clustering: { k: 3 } });
  });
});
