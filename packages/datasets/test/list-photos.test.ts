import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listPhotos } from '@u2seg/datasets';
import { asOrdinaryUser, ordinaryUid } from '@u2seg/testing';
import { tempFolder } from './temp-folder.ts';

const base = tempFolder();

function folderWith(...files: string[]): string {
  const folder = mkdtempSync(join(base, 'case-'));
  for (const file of files) {
    mkdirSync(join(folder, file, '..'), { recursive: true });
    writeFileSync(join(folder, file), 'x');
  }
  return folder;
}

async function failure(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  return promise.then(
    () => ({ code: 'none', message: '' }),
    (error: { code: string; message: string }) => error,
  );
}

const ids = (listing: { photos: readonly { id: string }[] }) => listing.photos.map(({ id }) => id);

describe('listPhotos', () => {
  it('sorts by code unit, in folders too, and keeps names as they are spelled', async () => {
    const names = [
      'b.jpg',
      'B.JPG',
      'a b.png',
      'a\nb.png',
      '🦊.webp',
      'é.jpg',
      'e\u0301.jpg',
      'sub/z.tiff',
      'sub-a.gif',
      'notes.txt',
    ];
    const folder = folderWith(...names);
    const listing = await listPhotos(folder);
    expect(ids(listing)).toEqual(names.filter((name) => name !== 'notes.txt').sort());
    expect(listing.otherFiles).toBe(1);
    expect(listing.skipped).toEqual([]);
    expect(listing.photos[0]).toEqual({ path: join(folder, 'B.JPG'), relativePath: 'B.JPG', id: 'B.JPG' });
  });

  it('gives two files of one stem two ids, which another file does not change', async () => {
    const folder = folderWith('a.jpg', 'x/a.jpg');
    expect(ids(await listPhotos(folder))).toEqual(['a.jpg', 'x/a.jpg']);
    writeFileSync(join(folder, 'a.png'), 'x');
    expect(ids(await listPhotos(folder))).toEqual(['a.jpg', 'a.png', 'x/a.jpg']);
  });

  it('searches inner folders unless told not to', async () => {
    const folder = folderWith('a.jpg', 'x/b.jpg');
    expect(ids(await listPhotos(folder, { recursive: false }))).toEqual(['a.jpg']);
  });

  it('ends in a loop of links, follows links once, and says what it left out', async () => {
    const folder = folderWith('z/a.jpg', 'z/.hidden.jpg', '.dir/b.jpg');
    const outside = folderWith('c.jpg');
    symlinkSync(folder, join(folder, 'z', 'loop'));
    symlinkSync(join(folder, 'z'), join(folder, 'again'));
    symlinkSync(outside, join(folder, 'outside'));
    symlinkSync(join(folder, 'nothing'), join(folder, 'broken.jpg'));
    symlinkSync(join(folder, 'self.jpg'), join(folder, 'self.jpg'));
    symlinkSync(join(outside, 'c.jpg'), join(folder, 'link.jpg'));
    execFileSync('mkfifo', [join(folder, 'pipe.png')]);
    const listing = await listPhotos(folder);
    expect(ids(listing)).toEqual(['link.jpg', 'outside/c.jpg', 'z/a.jpg']);
    expect(listing.skipped.map(({ path, reason }) => `${path.slice(folder.length + 1)}: ${reason}`))
      .toMatchInlineSnapshot(`
      [
        "again: it is a link to a folder that is listed already",
        "broken.jpg: it is a link that leads nowhere: no such file",
        "pipe.png: it is not a regular file",
        "self.jpg: it is a link that leads nowhere: too many symbolic links (a loop)",
        "z/.hidden.jpg: it is hidden (its name begins with a dot)",
        "z/loop: it is a link to a folder that is listed already",
      ]
    `);
  });

  it.skipIf(process.platform !== 'linux')('passes over a name that is not UTF-8', async () => {
    const folder = folderWith('a.jpg');
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Uint8Array.of(0xff, 0xfe), Buffer.from('.jpg')]), 'x');
    const listing = await listPhotos(folder);
    expect(ids(listing)).toEqual(['a.jpg']);
    expect(listing.skipped[0]!.reason).toBe('its name is not valid UTF-8');
  });

  it.skipIf(ordinaryUid === undefined)('goes on without a folder it may not read', async () => {
    const folder = folderWith('a.jpg', 'locked/b.jpg');
    chmodSync(base, 0o755);
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'locked'), 0);
    const listing = await asOrdinaryUser(async () => listPhotos(folder));
    const itself = await failure(asOrdinaryUser(async () => listPhotos(join(folder, 'locked'))));
    chmodSync(join(folder, 'locked'), 0o755);
    expect(ids(listing)).toEqual(['a.jpg']);
    expect(listing.skipped[0]!.reason).toBe('the folder cannot be read: permission denied');
    expect(itself.code).toBe('io');
    expect(itself.message.replaceAll(folder, '…')).toMatchInlineSnapshot(
      `"listPhotos: cannot read the folder "…/locked": permission denied."`,
    );
  });

  it('explains an empty, an absent and a wrong folder', async () => {
    const empty = folderWith();
    await expect(listPhotos(empty)).rejects.toMatchObject({ code: 'not-found' });
    await expect(listPhotos(empty)).rejects.toThrow(/: it is empty; wanted files ending in \.jpg/u);
    await expect(listPhotos(folderWith('a.txt', '.b.jpg'))).rejects.toThrow(
      /it holds 2 other entries \(.*it is hidden/u,
    );
    await expect(listPhotos(join(empty, 'no'))).rejects.toThrow(/cannot open the folder .*: no such file/u);
    await expect(listPhotos(join(folderWith('a.jpg'), 'a.jpg'))).rejects.toMatchObject({ code: 'wrong-usage' });
  });
});
