export {
  type AttentionSettings,
  type CrossAttention,
  crossAttention,
  initCrossAttention,
  initSelfAttention,
  type Mixer,
  maskedSoftmax,
  mergeHeads,
  type Normalizer,
  type SelfAttention,
  type SelfAttentionOptions,
  selfAttention,
  splitHeads,
} from "./attention.ts";
export { loadTree, saveTree } from "./checkpoint.ts";
export {
  type Convolution,
  convolution,
  type InitConvolutionOptions,
  initConvolution,
  initTransposedConvolution,
  transposedConvolution,
} from "./convolution.ts";
export { dropout } from "./dropout.ts";
export { type Embedding, embedding, initEmbedding } from "./embedding.ts";
export type { Fan, Initialiser } from "./initialisers.ts";
export * as initialisers from "./initialisers.ts";
export { initLinear, type Linear, type LinearOptions, linear } from "./linear.ts";
export { initMlp, type Mlp, mlp } from "./mlp.ts";
export { type Gpt, type GptConfig, type GptSettings, gpt, initGpt } from "./models/gpt.ts";
export { initLenet, type Lenet, type LenetConfig, lenet } from "./models/lenet.ts";
export {
  initResNet,
  initResNetState,
  type ResidualBlock,
  type ResNet,
  type ResNetConfig,
  type ResNetState,
  resNet,
} from "./models/resnet.ts";
export { cutIntoPatches, initVit, type Vit, type VitConfig, vit } from "./models/vit.ts";
export {
  type BatchNormSettings,
  type BatchNormState,
  batchNorm,
  type ChannelNorm,
  groupNorm,
  initBatchNormState,
  initChannelNorm,
  initLayerNorm,
  initRmsNorm,
  type LayerNorm,
  layerNorm,
  type RmsNorm,
  rmsNorm,
} from "./norms.ts";
export * from "./optimizers/index.ts";
export { addPositions, alibi, alibiSlopes, initPositions, rotary, sinusoidalPositions } from "./positions.ts";
export {
  type PackedLinear,
  packedLinear,
  packLayer,
  type QuantizedLinear,
  quantizedLinear,
  quantizeLayer,
} from "./quantized-linear.ts";
export {
  gru,
  initGru,
  initLstm,
  type LstmState,
  lstm,
  type Recurrent,
  type RecurrentOptions,
  type RecurrentResult,
  type RecurrentSettings,
} from "./recurrent.ts";
export { decodeSafetensors, encodeSafetensors, type Safetensors, SafetensorsError } from "./safetensors.ts";
export {
  type LossContext,
  type LossResult,
  type Progress,
  type TrainOptions,
  type TrainResult,
  type TrainState,
  train,
} from "./train.ts";
export {
  type Activation,
  activations,
  type Block,
  type BlockOptions,
  type BlockSettings,
  block,
  type FeedForward,
  type FeedForwardOptions,
  feedForward,
  initBlock,
  initFeedForward,
  initNorm,
  type NormKind,
  norm,
} from "./transformer.ts";
