import type { Converter, Converters } from "../context.ts";
import { arrangingOperators } from "./arranging.ts";
import { attentionOperators, ownOperators } from "./attention.ts";
import { bitwiseOperators } from "./bitwise.ts";
import { contributedOperators, optimizerOperators } from "./contributed.ts";
import { controlOperators } from "./control-flow.ts";
import { convolutionOperators } from "./convolution.ts";
import { determinantOperators } from "./determinant.ts";
import { elementwiseOperators } from "./elementwise.ts";
import { indexingOperators } from "./indexing.ts";
import { lossOperators } from "./losses.ts";
import { normalizationOperators } from "./normalization.ts";
import { orderingOperators } from "./ordering.ts";
import { poolingOperators } from "./pooling.ts";
import { productOperators } from "./products.ts";
import { quantizedOperators } from "./quantized.ts";
import { randomOperators } from "./random.ts";
import { recurrentOperators } from "./recurrent.ts";
import { reductionOperators } from "./reductions.ts";
import { resizeOperators } from "./resize.ts";
import { samplingOperators } from "./sampling.ts";
import { shapeOperators } from "./shapes.ts";
import { signalOperators } from "./signal.ts";
import { textOperators } from "./text.ts";
import { trainingOperators } from "./training.ts";
import { typeOperators } from "./types.ts";

/** Every operator that is known, by domain; the empty domain is ai.onnx. */
const domains: Readonly<Record<string, Converters>> = {
  "": {
    ...arrangingOperators,
    ...bitwiseOperators,
    ...controlOperators,
    ...elementwiseOperators,
    ...indexingOperators,
    ...lossOperators,
    ...randomOperators,
    ...signalOperators,
    ...textOperators,
    ...resizeOperators,
    ...samplingOperators,
    ...attentionOperators,
    ...quantizedOperators,
    ...convolutionOperators,
    ...recurrentOperators,
    ...poolingOperators,
    ...determinantOperators,
    ...normalizationOperators,
    ...orderingOperators,
    ...optimizerOperators,
    ...productOperators,
    ...reductionOperators,
    ...shapeOperators,
    ...typeOperators,
  },
  "com.microsoft": contributedOperators,
  sluice: ownOperators,
  "ai.onnx.preview.training": trainingOperators,
};

export function findConverter(domain: string, operator: string): Converter | undefined {
  const known = Object.hasOwn(domains, domain) ? domains[domain] : {};
  return Object.hasOwn(known, operator) ? known[operator] : undefined;
}
