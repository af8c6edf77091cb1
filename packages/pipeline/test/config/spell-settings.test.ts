import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSetting } from '../../src/config/load-config.ts';
import { mergeSettings } from '../../src/config/merge-settings.ts';
import { spellSettings } from '../../src/config/spell-settings.ts';

describe('spellSettings', () => {
  it('writes a line a setting, words without quotes', () => {
    expect(spellSettings({})).toEqual([]);
    expect(
      spellSettings({
        seed: 1,
        backbone: { name: 'dino-vitb8' },
        train: { dropLossIou: null, copyPaste: true },
        rounds: { scales: [0.5, 1] },
      }),
    ).toEqual([
      'seed=1',
      'backbone.name=dino-vitb8',
      'train.dropLossIou=null',
      'train.copyPaste=true',
      'rounds.scales=[0.5,1]',
    ]);
  });

  it('writes what parseSetting reads', () => {
    const settings = fc.record({
      seed: fc.nat(),
      backbone: fc.record({ name: fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('1', 'null', '"a"', 'a=b')) }),
      train: fc.record({ dropLossIou: fc.constantFrom(null, 0.01), copyPaste: fc.boolean() }),
      rounds: fc.record({ scales: fc.array(fc.double({ min: 0.25, max: 4, noNaN: true }), { minLength: 1 }) }),
    });
    fc.assert(
      fc.property(settings, (one) => {
        expect(mergeSettings(...spellSettings(one).map(parseSetting))).toEqual(one);
      }),
    );
  });
});
