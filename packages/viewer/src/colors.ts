/** A fixed colour for every cluster: the same id has the same colour in every panel, page and run. */

/** Okabe and Ito's colours for all kinds of colour vision, without black: the first things. */
const firstThings: readonly string[] = ['#e69f00', '#56b4e9', '#009e73', '#f0e442', '#0072b2', '#d55e00', '#cc79a7'];

/** Paul Tol's "light" scheme, without grey: the first stuff. Paler, so that things stand out. */
const firstStuff: readonly string[] = [
  '#77aadd',
  '#ee8866',
  '#eedd88',
  '#ffaabb',
  '#99ddff',
  '#44bb99',
  '#bbcc33',
  '#aaaa00',
];

/** Turn between one hue and the next, in degrees: the golden angle, so that any run of ids is spread around the circle. */
const goldenAngle = 137.50776405003785;

/** Oklab lightness of successive ids, in [0, 1]: neighbours differ in lightness too, which every eye can tell. */
const thingLightness: readonly number[] = [0.78, 0.5, 0.88, 0.62];
const stuffLightness: readonly number[] = [0.9, 0.72];

/**
 * Colour of a cluster as `#rrggbb`; things and stuff have palettes of their own.
 *
 * @param id - cluster id, or a segment's place in its list where it has none; 0 or greater
 */
export function clusterColor(id: number, isThing: boolean): string {
  const first = isThing ? firstThings : firstStuff;
  if (id < first.length) return first[id]!;
  const step = id - first.length;
  const lightness = isThing ? thingLightness : stuffLightness;
  const hue = (step * goldenAngle + (isThing ? 20 : 80)) % 360;
  return oklchToHex(lightness[step % lightness.length]!, isThing ? 0.15 : 0.09, hue);
}

/**
 * Oklch (Ottosson, 2020) to sRGB; colours outside of sRGB are cut off per channel.
 *
 * @param l - lightness in [0, 1]
 * @param c - chroma, about [0, 0.3]
 * @param h - hue in degrees
 */
export function oklchToHex(l: number, c: number, h: number): string {
  const a = c * Math.cos((h * Math.PI) / 180);
  const b = c * Math.sin((h * Math.PI) / 180);
  const long = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const middle = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * middle + 1.707614701 * short,
  ];
  return `#${linear.map((value) => levelOf(value).toString(16).padStart(2, '0')).join('')}`;
}

function levelOf(linear: number): number {
  const x = Math.min(1, Math.max(0, linear));
  return Math.round(255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055));
}
