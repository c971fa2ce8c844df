const used = new Map<string, string>();

/** Notes that this process read a testbed. Called where testbeds are loaded. */
export function noteData(name: string, hash: string): void {
  used.set(name, hash);
}

/** The testbeds that this process read, with the hashes of their contents. */
export function usedData(): Record<string, string> {
  return Object.fromEntries([...used].sort());
}
