import { resizePillow } from '@u2seg/datasets';
import type { ImageResizer } from '@u2seg/self-train';

/** Pillow's bilinear, as detectron2 resizes photos. */
export const resizePhoto: ImageResizer = (image, height, width) => resizePillow(image, height, width, 'bilinear');
