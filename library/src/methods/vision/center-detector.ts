import {
  add,
  cast,
  concat,
  div,
  exp,
  greaterEqual,
  maximum,
  minimum,
  mul,
  oneHot,
  relu,
  reshape,
  sliceAxis,
  split,
  squeeze,
  sub,
  sum,
  type Tensor,
  type TensorLike,
  transpose,
  type Value,
  value,
  where,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";
import { type Convolution, convolution, initConvolution } from "../../nn/convolution.ts";
import { kaimingNormal, zeros } from "../../nn/initialisers.ts";
import { focalLoss } from "../losses/focal.ts";
import type { Detection, Truth } from "./detection-eval.ts";

/** Pixels between the centres of neighbouring cells: two convolutions halve the image. */
export const stride = 4;

export interface CenterDetectorConfig {
  readonly classes: number;
  /** Channels of the first convolution; the second has twice, the others four times as many. Default 16. */
  readonly width?: number;
}

/** Parameters of a detector without anchors. */
export interface CenterDetector<T = Tensor> {
  readonly layers: readonly Convolution<T>[];
  readonly labels: Convolution<T>;
  readonly sides: Convolution<T>;
}

/** What a detector makes of images: a cell for every 4×4 pixels, row by row. */
export interface CenterOutput<T = Tensor> {
  /** float[batch, cells, classes] */
  readonly logits: T;
  /** left, top, right and bottom in pixels, float[batch, cells, 4] */
  readonly boxes: T;
}

/** What the cells of images should say. */
export interface CenterTargets<T = Tensor> {
  /** int32[batch, cells]; −1 where there is no object */
  readonly labels: T;
  /** float[batch, cells, 4], of the cell's object */
  readonly boxes: T;
}

// What a cell says of any class before training, so that the many empty cells do not swamp the first steps.
const prior = 0.01;

/** First parameters. */
export function initCenterDetector(key: TensorLike, { classes, width = 16 }: CenterDetectorConfig): CenterDetector {
  const widths = [1, width, 2 * width, 4 * width, 4 * width, 4 * width];
  const keys = split(key, 7);
  const last = widths[5];
  const head = (at: number, out: number) =>
    initConvolution(keys[at], { in: last, out, kernel: [1, 1], biasInitialiser: zeros });
  const labels = head(5, classes);
  return {
    layers: widths.slice(1).map((out, i) =>
      initConvolution(keys[i], {
        in: widths[i],
        out,
        kernel: [3, 3],
        initialiser: kaimingNormal(),
        biasInitialiser: zeros,
      }),
    ),
    labels: { ...labels, bias: sub(labels.bias!, Math.log((1 - prior) / prior)) },
    sides: head(6, 4),
  };
}

/**
 * A fully convolutional detector: every cell says which class has an object there, and how far its sides are.
 *
 * @param images  float[batch, 1, height, width], both multiples of 4
 * @source        after Tian, Shen, Chen & He 2019, arXiv:1904.01355 (FCOS), without its levels and centre scores
 */
export function centerDetector(params: CenterDetector<TensorLike>, images: TensorLike): CenterOutput {
  const features = params.layers.reduce<Tensor>(
    (x, layer, i) => relu(convolution(layer, x, { stride: i < 2 ? 2 : 1, padding: 1 })),
    asTensor(images),
  );
  const [batch, , rows, columns] = features.shape;
  const perCell = (x: Tensor) => reshape(transpose(x, [0, 2, 3, 1]), [batch, rows * columns, -1]);
  const sides = mul(exp(perCell(convolution(params.sides, features))), stride);
  const centres = value(cellCentres(rows, columns));
  return {
    logits: perCell(convolution(params.labels, features)),
    boxes: concat([sub(centres, sliceAxis(sides, -1, 0, 2)), add(centres, sliceAxis(sides, -1, 2))], { axis: -1 }),
  };
}

const cellCentres = (rows: number, columns: number): [number, number][] =>
  Array.from({ length: rows * columns }, (_, cell) => [
    stride * ((cell % columns) + 0.5),
    stride * (Math.floor(cell / columns) + 0.5),
  ]);

/**
 * Focal loss of the classes over the number of cells with an object, plus the mean of 1 − IoU over these cells.
 *
 * @returns a scalar
 */
export function centerDetectorLoss({ logits, boxes }: CenterOutput, targets: CenterTargets<TensorLike>): Tensor {
  const labels = asTensor(targets.labels);
  const classes = logits.shape.at(-1)!;
  const present = greaterEqual(labels, 0);
  const positive = cast(present, logits.dtype);
  const count = maximum(sum(positive), 1);
  // An index beyond the last class gives a row of zeros.
  const wanted = oneHot(where(present, labels, classes), classes, { dtype: logits.dtype });
  const ofLabels = focalLoss(logits, wanted, { reduction: "sum" });
  const ofBoxes = sum(mul(positive, sub(1, overlap(boxes, asTensor(targets.boxes)))));
  return div(add(ofLabels, ofBoxes), count);
}

/** Intersection over union of boxes, float[..., 4] twice to float[...]. */
function overlap(a: Tensor, b: Tensor): Tensor {
  const [aLow, aHigh, bLow, bHigh] = [a, b].flatMap((box) => [sliceAxis(box, -1, 0, 2), sliceAxis(box, -1, 2)]);
  const area = (low: Tensor, high: Tensor) => {
    const sides = relu(sub(high, low));
    return mul(sliceAxis(sides, -1, 0, 1), sliceAxis(sides, -1, 1));
  };
  const shared = area(maximum(aLow, bLow), minimum(aHigh, bHigh));
  const covered = sub(add(area(aLow, aHigh), area(bLow, bHigh)), shared);
  // Cells without an object have a box without area; their share is multiplied by 0.
  return squeeze(div(shared, maximum(covered, 1e-6)), -1);
}

/**
 * What each cell of an image should say: the nearest object whose centre is within `radius` of the cell's; every object has
 * at least the cell nearest to its centre.
 *
 * @param objects  those of one image
 * @param size     height and width of the image, pixels, multiples of 4
 * @param radius   pixels. Default 3
 * @returns        labels int32[cells], −1 for none; boxes float32[cells, 4]
 */
export function assignCenters(
  objects: readonly Pick<Truth, "label" | "box">[],
  size: readonly [height: number, width: number],
  { radius = 3 }: { readonly radius?: number } = {},
): { labels: Int32Array; boxes: Float32Array } {
  const centres = cellCentres(size[0] / stride, size[1] / stride);
  const labels = new Int32Array(centres.length).fill(-1);
  const boxes = new Float32Array(centres.length * 4);
  const assign = (cell: number, { label, box }: Pick<Truth, "label" | "box">) => {
    labels[cell] = label;
    boxes.set(Array.from(box), 4 * cell);
  };
  const distances = objects.map(({ box }) =>
    centres.map(([x, y]) => Math.hypot(x - (box[0] + box[2]) / 2, y - (box[1] + box[3]) / 2)),
  );
  for (const cell of centres.keys()) {
    let nearest = -1;
    for (const [i, own] of distances.entries())
      if (own[cell] <= radius && (nearest < 0 || own[cell] < distances[nearest][cell])) nearest = i;
    if (nearest >= 0) assign(cell, objects[nearest]);
  }
  for (const [i, own] of distances.entries()) assign(own.indexOf(Math.min(...own)), objects[i]);
  return { labels, boxes };
}

/**
 * Every cell and class with a score above the least one, as a box: several for each object, which suppression cleans up.
 *
 * @param output    of a batch
 * @param minScore  0 … 1. Default 0.05
 * @param first     number of the batch's first image. Default 0
 */
export function decodeCenters(
  { logits, boxes }: CenterOutput<Value>,
  { minScore = 0.05, first = 0 }: { readonly minScore?: number; readonly first?: number } = {},
): Detection[] {
  const [, cells, classes] = logits.shape;
  const [scores, sides] = [logits.data as Float32Array, boxes.data as Float32Array];
  const least = Math.log(minScore / (1 - minScore));
  const found: Detection[] = [];
  for (let at = 0; at < scores.length; at++) {
    if (!(scores[at] > least)) continue;
    const cell = Math.floor(at / classes);
    found.push({
      image: first + Math.floor(cell / cells),
      label: at % classes,
      box: sides.slice(4 * cell, 4 * cell + 4),
      score: 1 / (1 + Math.exp(-scores[at])),
    });
  }
  return found;
}
