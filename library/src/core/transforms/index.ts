export { checkpoint } from "./checkpoint.ts";
export { customGradient, straightThrough } from "./custom-gradient.ts";
export { grad, hessianVectorProduct, jvp, valueAndGrad, vjp } from "./grad.ts";
export { jacobian } from "./jacobian.ts";
export { onesLike, zerosLike } from "./vjp.ts";
export { type VmapOptions, vmap } from "./vmap.ts";
