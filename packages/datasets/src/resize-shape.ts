import { assertInteger } from '@u2seg/core';

/**
 * Size detectron2's `ResizeShortestEdge` gives an image: the shorter side becomes `shortEdge` unless the longer would
 * pass `maxSize`; halves round up.
 *
 * @throws U2SegError `out-of-range` unless all are positive integers
 */
export function resizeShortestEdgeShape(
  height: number,
  width: number,
  shortEdge: number,
  maxSize: number,
): { readonly height: number; readonly width: number } {
  for (const [name, value] of Object.entries({ height, width, shortEdge, maxSize })) {
    assertInteger(`resizeShortestEdgeShape: ${name}`, value, 1);
  }
  const scale = shortEdge / Math.min(height, width);
  let newHeight = height < width ? shortEdge : scale * height;
  let newWidth = height < width ? scale * width : shortEdge;
  const longer = Math.max(newHeight, newWidth);
  if (longer > maxSize) {
    newHeight *= maxSize / longer;
    newWidth *= maxSize / longer;
  }
  return { height: Math.trunc(newHeight + 0.5), width: Math.trunc(newWidth + 0.5) };
}
