import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openEventWriter } from '@u2seg/self-train';
import { crc32c, encodeTfRecord, maskedCrc32c } from '@u2seg/self-train/internal';

it('computes CRC-32C as RFC 3720 does', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(crc32c(new Uint8Array(0))).toBe(0);
});

it('frames a record with the checksums of its length and of its data', () => {
  const record = encodeTfRecord(Uint8Array.of(1, 2, 3));
  const view = new DataView(record.buffer);
  expect(view.getBigUint64(0, true)).toBe(3n);
  expect(view.getUint32(8, true)).toBe(maskedCrc32c(record.subarray(0, 8)));
  expect(view.getUint32(15, true)).toBe(maskedCrc32c(Uint8Array.of(1, 2, 3)));
});

it('writes a version, a session start and scalars, byte for byte', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'u2seg-events-'));
  const writer = await openEventWriter(folder, 7, () => 1000);
  const other = await openEventWriter(folder, 7, () => 1000);
  expect(other.path).not.toBe(writer.path);
  await other.close();
  await writer.scalars(7, { lr: 0.5 });
  await writer.close();
  const file = await readFile(writer.path);
  const events: string[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    events.push(file.subarray(at + 12, at + 12 + length).toString('hex'));
    at += 16 + length;
  }
  const wall = '09000000000000f03f'; // field 1, double 1.0
  expect(events).toEqual([
    `${wall}1a0d${Buffer.from('brain.Event:2').toString('hex')}`,
    `${wall}10073a020801`, // step 7, session log, status START
    `${wall}10072a0b0a090a026c72150000003f`, // step 7, summary, value, tag `lr`, 0.5
  ]);
  await rm(folder, { recursive: true });
});
