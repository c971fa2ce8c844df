/** The whole number nearest to x, halves to the even one. */
export function halfToEven(x: number): number {
  const below = Math.floor(x);
  const fraction = x - below;
  return fraction === 0.5 ? (below % 2 === 0 ? below : below + 1) : fraction < 0.5 ? below : below + 1;
}
