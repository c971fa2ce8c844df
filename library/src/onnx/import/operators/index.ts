import type { Converter, Converters } from "../context.ts";
import { arrangingOperators } from "./arranging.ts";
import { bitwiseOperators } from "./bitwise.ts";
import { controlOperators } from "./controlFlow.ts";
import { elementwiseOperators } from "./elementwise.ts";
import { indexingOperators } from "./indexing.ts";
import { normalizationOperators } from "./normalization.ts";
import { productOperators } from "./products.ts";
import { reductionOperators } from "./reductions.ts";
import { shapeOperators } from "./shapes.ts";
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
    ...normalizationOperators,
    ...productOperators,
    ...reductionOperators,
    ...shapeOperators,
    ...typeOperators,
  },
  "ai.onnx.preview.training": trainingOperators,
};

export function findConverter(domain: string, operator: string): Converter | undefined {
  const known = Object.hasOwn(domains, domain) ? domains[domain] : {};
  return Object.hasOwn(known, operator) ? known[operator] : undefined;
}
