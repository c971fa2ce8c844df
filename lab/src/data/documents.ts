import { type CacheOptions, loadPart } from "./cache.ts";
import type { Container } from "./container.ts";
import type { Part } from "./testbed.ts";

/** Packs texts and what is known of each into one part. */
export function packDocuments(documents: readonly { readonly text: string }[]): Container {
  const texts = documents.map(({ text }) => new TextEncoder().encode(text));
  const bytes = new Uint8Array(texts.reduce((sum, text) => sum + text.length, 0));
  let place = 0;
  for (const text of texts) {
    bytes.set(text, place);
    place += text.length;
  }
  return {
    columns: {
      text: { data: bytes, shape: [bytes.length] },
      bytes: { data: Int32Array.from(texts, (text) => text.length), shape: [texts.length] },
    },
    metadata: { documents: JSON.stringify(documents.map(({ text: _, ...facts }) => facts)) },
  };
}

/** Reads what `packDocuments` packed; `Document` is what was given to it. */
export async function loadDocuments<Document extends { readonly text: string }>(
  part: Part,
  options?: CacheOptions,
): Promise<Document[]> {
  const { columns, metadata } = await loadPart(part, options);
  const facts = JSON.parse(metadata.documents) as Omit<Document, "text">[];
  let place = 0;
  return Array.from(columns.bytes.data, (length, index) => {
    const text = new TextDecoder().decode(columns.text.data.subarray(place, (place += length)) as Uint8Array);
    return { ...facts[index], text } as unknown as Document;
  });
}
