import { histogramSize, type Contact, type RegionGraph } from './region-graph.ts';

/** Weights of what keeps two regions apart. */
export interface MergeWeights {
  /** Mean boundary strength along their contact. */
  readonly edge: number;
  /** Chi-squared distance of their colours. */
  readonly colour: number;
  /** Angle between their mean features, 1 - cosine. */
  readonly feature: number;
  /** Exponent of the smaller one's area: the larger, the sooner small regions go. */
  readonly size: number;
}

/** Binary tree of regions: leaves first, then the unions in the order made; the last is the whole image. */
export interface RegionTree {
  /** Leaves. */
  readonly leaves: number;
  /** Leaves and unions. */
  readonly nodes: number;
  /** [nodes] union a node goes into, -1 at the root. */
  readonly parent: Int32Array;
  /** [nodes, 2] what a union is made of, -1 for leaves. */
  readonly children: Int32Array;
  /** [nodes] cost at which a node was made, 0 for leaves; never below its children's. */
  readonly height: Float64Array;
  /** [nodes] pixels. */
  readonly area: Float64Array;
  /** [nodes] pixel sides on the border of the image. */
  readonly rim: Float64Array;
  /** [nodes, 4] first and last x and y. */
  readonly box: Int32Array;
  /** [nodes] length of the contour inside of the image. */
  readonly contour: Float64Array;
  /** [nodes] sum of the boundary strength along it. */
  readonly contourStrength: Float64Array;
  /** [nodes] length of its part that no more than the image's mean strength marks. */
  readonly contourWeak: Float64Array;
  /** [nodes] colour distance to the neighbours it has when made, weighted by contact. */
  readonly contrast: Float64Array;
  /** [nodes] the same of features. */
  readonly featureContrast: Float64Array;
}

/** Merges the cheapest pair of neighbours until one region is left. */
export function regionTree(graph: RegionGraph, weights: MergeWeights): RegionTree {
  const leaves = graph.count;
  const nodes = 2 * leaves - 1;
  const { dim } = graph;
  const grown = <T extends Float64Array | Float32Array | Int32Array>(to: T, from: T): T => {
    to.set(from);
    return to;
  };
  const parent = new Int32Array(nodes).fill(-1);
  const children = new Int32Array(nodes * 2).fill(-1);
  const height = new Float64Array(nodes);
  const area = grown(new Float64Array(nodes), graph.area);
  const rim = grown(new Float64Array(nodes), graph.rim);
  const box = grown(new Int32Array(nodes * 4), graph.box);
  const histogram = grown(new Float32Array(nodes * histogramSize), graph.histogram);
  const features = grown(new Float32Array(nodes * dim), graph.features);
  const contour = new Float64Array(nodes);
  const contourStrength = new Float64Array(nodes);
  const contourWeak = new Float64Array(nodes);
  const contrast = new Float64Array(nodes);
  const featureContrast = new Float64Array(nodes);
  const contacts: Map<number, Contact>[] = graph.contacts.map((map) => new Map(map));
  let total = 0;
  for (let r = 0; r < leaves; r += 1) total += area[r]!;
  const norms = new Float64Array(nodes);
  const heap = new PairHeap();

  const colourDistance = (a: number, b: number): number => {
    const [ka, kb] = [1 / area[a]!, 1 / area[b]!];
    let sum = 0;
    for (let j = 0, p = a * histogramSize, q = b * histogramSize; j < histogramSize; j += 1, p += 1, q += 1) {
      const u = histogram[p]! * ka;
      const v = histogram[q]! * kb;
      if (u + v > 0) sum += ((u - v) * (u - v)) / (u + v);
    }
    return sum / 6;
  };
  const featureDistance = (a: number, b: number): number => {
    let sum = 0;
    for (let j = 0; j < dim; j += 1) sum += features[a * dim + j]! * features[b * dim + j]!;
    return 1 - sum / Math.max(1e-12, norms[a]! * norms[b]!);
  };
  const describe = (node: number): void => {
    let square = 0;
    for (let j = 0; j < dim; j += 1) square += features[node * dim + j]! ** 2;
    norms[node] = Math.sqrt(square);
  };
  const offer = (a: number, b: number, contact: Contact): { colour: number; feature: number } => {
    const colour = colourDistance(a, b);
    const feature = featureDistance(a, b);
    const apart =
      weights.edge * (contact.strength / contact.length) + weights.colour * colour + weights.feature * feature;
    heap.push(apart * (Math.min(area[a]!, area[b]!) / total) ** weights.size, a, b);
    return { colour, feature };
  };
  const settle = (node: number, only: (other: number) => boolean): void => {
    let [colourSum, featureSum] = [0, 0];
    for (const [other, contact] of contacts[node]!) {
      contour[node]! += contact.length;
      contourStrength[node]! += contact.strength;
      contourWeak[node]! += contact.weak;
      const { colour, feature } = only(other)
        ? offer(node, other, contact)
        : { colour: colourDistance(node, other), feature: featureDistance(node, other) };
      colourSum += contact.length * colour;
      featureSum += contact.length * feature;
    }
    contrast[node] = colourSum / Math.max(1, contour[node]!);
    featureContrast[node] = featureSum / Math.max(1, contour[node]!);
  };

  for (let r = 0; r < leaves; r += 1) describe(r);
  for (let r = 0; r < leaves; r += 1) settle(r, (other) => other > r);
  let node = leaves;
  while (node < nodes) {
    const pair = heap.pop();
    if (pair === undefined) break;
    const { a, b, cost } = pair;
    if (parent[a] !== -1 || parent[b] !== -1) continue;
    parent[a] = node;
    parent[b] = node;
    children.set([a, b], 2 * node);
    height[node] = Math.max(cost, height[a]!, height[b]!);
    area[node] = area[a]! + area[b]!;
    rim[node] = rim[a]! + rim[b]!;
    box[4 * node] = Math.min(box[4 * a]!, box[4 * b]!);
    box[4 * node + 1] = Math.min(box[4 * a + 1]!, box[4 * b + 1]!);
    box[4 * node + 2] = Math.max(box[4 * a + 2]!, box[4 * b + 2]!);
    box[4 * node + 3] = Math.max(box[4 * a + 3]!, box[4 * b + 3]!);
    for (let j = 0; j < histogramSize; j += 1) {
      histogram[node * histogramSize + j] = histogram[a * histogramSize + j]! + histogram[b * histogramSize + j]!;
    }
    for (let j = 0; j < dim; j += 1) features[node * dim + j] = features[a * dim + j]! + features[b * dim + j]!;
    describe(node);
    const merged = new Map<number, Contact>();
    for (const from of [a, b]) {
      for (const [other, contact] of contacts[from]!) {
        if (other === a || other === b) continue;
        const known = merged.get(other);
        merged.set(
          other,
          known === undefined
            ? contact
            : {
                length: known.length + contact.length,
                strength: known.strength + contact.strength,
                weak: known.weak + contact.weak,
              },
        );
      }
      contacts[from]!.clear();
    }
    for (const [other, contact] of merged) {
      contacts[other]!.delete(a);
      contacts[other]!.delete(b);
      contacts[other]!.set(node, contact);
    }
    contacts[node] = merged;
    settle(node, () => true);
    node += 1;
  }
  return {
    leaves,
    nodes,
    parent,
    children,
    height,
    area,
    rim,
    box,
    contour,
    contourStrength,
    contourWeak,
    contrast,
    featureContrast,
  };
}

/** Pairs by rising cost; equal costs in the order pushed. */
class PairHeap {
  readonly #cost: number[] = [];
  readonly #a: number[] = [];
  readonly #b: number[] = [];
  readonly #heap: number[] = [];

  push(cost: number, a: number, b: number): void {
    const id = this.#cost.length;
    this.#cost.push(cost);
    this.#a.push(a);
    this.#b.push(b);
    const heap = this.#heap;
    let at = heap.length;
    heap.push(id);
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (!this.#before(id, heap[up]!)) break;
      heap[at] = heap[up]!;
      at = up;
    }
    heap[at] = id;
  }

  pop(): { cost: number; a: number; b: number } | undefined {
    const heap = this.#heap;
    const top = heap[0];
    if (top === undefined) return undefined;
    const last = heap.pop()!;
    if (heap.length > 0) {
      let at = 0;
      for (;;) {
        let down = 2 * at + 1;
        if (down >= heap.length) break;
        if (down + 1 < heap.length && this.#before(heap[down + 1]!, heap[down]!)) down += 1;
        if (!this.#before(heap[down]!, last)) break;
        heap[at] = heap[down]!;
        at = down;
      }
      heap[at] = last;
    }
    return { cost: this.#cost[top]!, a: this.#a[top]!, b: this.#b[top]! };
  }

  #before(i: number, j: number): boolean {
    return this.#cost[i]! < this.#cost[j]! || (this.#cost[i] === this.#cost[j] && i < j);
  }
}
