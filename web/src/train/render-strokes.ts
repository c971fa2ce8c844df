/** A line drawn without lifting the pen: points from 0 to 1, rightwards and downwards. */
export type Stroke = readonly (readonly [x: number, y: number])[];

/** Height and width of a picture, pixels. */
export const side = 28;
/** The box that a digit fills, as in MNIST: 20 of 28 pixels. */
const box = 20;

/**
 * A drawing as a picture: scaled to the box, centred, and inked with a round pen.
 *
 * @param width  of the pen, pixels
 * @returns      side² numbers from 0 (paper) to 1 (ink)
 */
export function renderStrokes(strokes: readonly Stroke[], width = 1.2): Float32Array {
  const points = strokes.flat();
  const image = new Float32Array(side * side);
  if (points.length === 0) return image;
  const [left, top, right, bottom] = [
    Math.min(...points.map(([x]) => x)),
    Math.min(...points.map(([, y]) => y)),
    Math.max(...points.map(([x]) => x)),
    Math.max(...points.map(([, y]) => y)),
  ];
  const scale = box / Math.max(right - left, bottom - top, 0.05);
  const place = ([x, y]: readonly [number, number]): [number, number] => [
    side / 2 + (x - (left + right) / 2) * scale,
    side / 2 + (y - (top + bottom) / 2) * scale,
  ];
  for (const stroke of strokes) {
    const path = stroke.map(place);
    for (let i = 0; i < path.length; i++) ink(image, path[Math.max(0, i - 1)], path[i], width);
  }
  return image;
}

/** Darkens the pixels near a segment; the pen's edge is one pixel soft. */
function ink(image: Float32Array, [ax, ay]: [number, number], [bx, by]: [number, number], width: number): void {
  const reach = width + 1;
  const clamp = (x: number) => Math.min(side - 1, Math.max(0, Math.floor(x)));
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  for (let y = clamp(Math.min(ay, by) - reach); y <= clamp(Math.max(ay, by) + reach); y++)
    for (let x = clamp(Math.min(ax, bx) - reach); x <= clamp(Math.max(ax, bx) + reach); x++) {
      const along = length === 0 ? 0 : ((x + 0.5 - ax) * dx + (y + 0.5 - ay) * dy) / length;
      const t = Math.min(1, Math.max(0, along));
      const far = Math.hypot(x + 0.5 - ax - t * dx, y + 0.5 - ay - t * dy);
      const shade = Math.min(1, Math.max(0, width + 0.5 - far));
      image[y * side + x] = Math.max(image[y * side + x], shade);
    }
}
