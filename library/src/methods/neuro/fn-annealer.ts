import { couplingScale, type Ising } from "./ising.ts";

/**
 * The voltage of a floating gate that loses its charge by Fowler–Nordheim tunnelling: V(t) = k₂ / ln(k₀ + k₁·t), the
 * logarithmic cooling that simulated annealing needs to reach the ground state in the limit.
 *
 * @param k0  e^(k₂/V(0)), > 1
 * @param k1  1/time, ≥ 0
 * @param k2  volts, or the unit of the temperature
 * @source    "ON-OFF Neuromorphic ISING Machines using Fowler-Nordheim Annealers" 2025, arXiv:2406.05224
 * @example
 * fnAnnealer(Math.E, 1, 2)(0)   // 2
 */
export const fnAnnealer =
  (k0: number, k1: number, k2: number): ((t: number) => number) =>
  (t) =>
    k2 / Math.log(k0 + k1 * t);

/**
 * The same cooling for any graph and number of sweeps: from 2.5 J to 0.25 J, with J the scale of the couplings. No constant
 * is tuned to a graph.
 *
 * @param sweeps  after which 0.25 J is reached
 * @source        own choice of constants
 */
export const fnSchedule = (g: Ising, sweeps: number): ((t: number) => number) =>
  fnAnnealer(Math.E, (Math.exp(10) - Math.E) / sweeps, 2.5 * couplingScale(g));

/**
 * The same voltage from its differential equation dV/dt = −(k₁/k₂)·V²·e^(−k₂/V), by one step of Runge and Kutta's fourth
 * order from each time to the next.
 *
 * @param v0     voltage at the first time
 * @param times  ascending
 * @returns      the voltage at each time
 */
export function fnOde(v0: number, k1: number, k2: number, times: ArrayLike<number>): Float64Array {
  const slope = (v: number) => -(k1 / k2) * v * v * Math.exp(-k2 / v);
  const voltages = new Float64Array(times.length);
  let v = v0;
  for (let i = 0; i < times.length; i++) {
    if (i > 0) {
      const dt = times[i] - times[i - 1];
      const a = slope(v);
      const b = slope(v + (dt / 2) * a);
      const c = slope(v + (dt / 2) * b);
      const d = slope(v + dt * c);
      v += (dt / 6) * (a + 2 * b + 2 * c + d);
    }
    voltages[i] = v;
  }
  return voltages;
}
