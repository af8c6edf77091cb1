import { decodeMask, encodeMask, rleArea, rleBbox, rleIou, type Segment } from '@u2seg/core';

/** Instances of one view of a photo, in the photo's pixels. */
export type ViewInstances = readonly Segment[];

/**
 * Joins the instances several views of a photo show.
 *
 * 1. go through all instances by descending score, ties by view;
 * 2. an instance joins the first group of its cluster whose first member it overlaps by `minIou` and that has no member of
 *    its view yet, else it starts a group;
 * 3. a group's mask is every pixel with at least half of its members' scores, its score their sum over the number of
 *    views, so what few views see counts less.
 *
 * @returns by descending score; a group whose mask is empty is left out
 */
export function joinInstances(views: readonly ViewInstances[], minIou: number): Segment[] {
  const all = views.flatMap((instances, view) => instances.map((segment) => ({ segment, view })));
  all.sort((a, b) => b.segment.score - a.segment.score || a.view - b.view);
  const groups: { readonly members: Segment[]; readonly views: Set<number> }[] = [];
  for (const { segment, view } of all) {
    const group = groups.find(
      ({ members: [first], views: seen }) =>
        !seen.has(view) && first!.clusterId === segment.clusterId && rleIou(segment.mask, first!.mask) >= minIou,
    );
    if (group === undefined) groups.push({ members: [segment], views: new Set([view]) });
    else {
      group.members.push(segment);
      group.views.add(view);
    }
  }
  return groups
    .map(({ members }) => joined(members, views.length))
    .filter(({ area }) => area > 0)
    .sort((a, b) => b.score - a.score);
}

function joined(members: readonly Segment[], views: number): Segment {
  const { height, width } = members[0]!.mask;
  const weight = new Float32Array(height * width);
  let total = 0;
  for (const { mask, score } of members) {
    const { data } = decodeMask(mask);
    for (let p = 0; p < data.length; p += 1) weight[p]! += data[p]! * score;
    total += score;
  }
  const mask = encodeMask({
    data: Uint8Array.from(weight, (sum) => (sum > 0 && 2 * sum >= total ? 1 : 0)),
    height,
    width,
  });
  return { mask, bboxXywh: rleBbox(mask), area: rleArea(mask), score: total / views, clusterId: members[0]!.clusterId };
}

/** Most frequent value of each pixel over the views; among equals the one an earlier view says. */
export function voteSemantic(views: readonly Uint8Array[]): Uint8Array {
  const [first] = views as readonly [Uint8Array];
  const count = new Uint16Array(256);
  return first.map((_, p) => {
    let best = first[p]!;
    for (const view of views) count[view[p]!]! += 1;
    for (const view of views) if (count[view[p]!]! > count[best]!) best = view[p]!;
    for (const view of views) count[view[p]!] = 0;
    return best;
  });
}
