export { type AdamOptions, type AdamWOptions, adam, adamW } from "./adam.ts";
export { movingAverage } from "./average.ts";
export { clipByGlobalNorm, globalNorm } from "./clip.ts";
export { type LionOptions, lion } from "./lion.ts";
export {
  type DecayMask,
  defineOptimizer,
  matricesOnly,
  type Optimizer,
  type OptimizerState,
  shrink,
} from "./optimizer.ts";
export { type RmsPropOptions, rmsProp } from "./rms-prop.ts";
export * from "./schedules.ts";
export { type SgdOptions, sgd } from "./sgd.ts";
