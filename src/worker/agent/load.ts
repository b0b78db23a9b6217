import { checkGguf } from '../artifacts/gguf.ts';
import { selectModel } from '../artifacts/model-file.ts';
import { readAlong } from '../artifacts/read-along.ts';
import type { Checksums, Source } from '../artifacts/source.ts';
import type { Engine, LoadedModel, LoadRequest } from '../engines/engine.ts';

/** The phases that the agent goes through, with the size of the work in bytes where it has one. */
export type LoadReporter = {
  enter(phase: 'Fetching' | 'Verifying' | 'LoadingWeights' | 'WarmingUp', bytesTotal?: number): void;
  /** `fraction` (0 to 1) of the current phase is done. */
  advance(fraction: number): void;
  /** So many bytes of the current phase are done; the total is null when unknown. */
  count(bytesDone: number, bytesTotal: number | null): void;
  /** What happens beside the numbers, for people; null when that is over. */
  remark(message: string | null): void;
};

export type LoadPlan = {
  readonly source: Source;
  readonly patterns: readonly string[];
  readonly checksums: Checksums;
  readonly request: Omit<LoadRequest, 'modelPath'>;
};

/** Brings a model from its source into the engine and generates one token, so that the first caller does not wait for cold memory. Throws a Failure. */
export async function loadModel(
  plan: LoadPlan,
  startEngine: () => Engine,
  report: LoadReporter,
  signal: AbortSignal,
): Promise<LoadedModel> {
  let verifying = false;
  const verify = (bytesTotal?: number) => {
    if (!verifying) report.enter('Verifying', bytesTotal);
    verifying = true;
  };

  report.enter('Fetching');
  const files = await plan.source.fetch(
    { patterns: plan.patterns, checksums: plan.checksums },
    {
      fetched: report.count,
      remark: report.remark,
      verified: (done, total) => {
        verify(total);
        report.count(done, total);
      },
    },
    signal,
  );
  const model = selectModel(files);
  const bytes = model.reduce((sum, file) => sum + file.bytes, 0);

  verify();
  for (const file of model) await checkGguf(file.path);

  report.enter('LoadingWeights', bytes);
  const engine = startEngine();
  const over = new AbortController();
  const reading = readAlong(model, {
    // All is there when the engine says so.
    onBytes: (done) => report.advance(Math.min(0.99, done / bytes)),
    signal: AbortSignal.any([signal, over.signal]),
  });
  const loaded = await engine
    .load({ ...plan.request, modelPath: model[0].path }, report.advance, signal)
    .finally(() => over.abort())
    .finally(() => reading);

  report.enter('WarmingUp');
  await warmUp(engine, signal);
  return loaded;
}

async function warmUp(engine: Engine, signal: AbortSignal): Promise<void> {
  const sampling = { temperature: 0, topP: 1, topK: 1, minP: 0, presencePenalty: 0, frequencyPenalty: 0, repetitionPenalty: 1 };
  const request = { prompt: { kind: 'text', text: 'Hello' }, maxTokens: 1, stop: [], ignoreEnd: true, sampling } as const;
  for await (const event of engine.generate(request, signal)) if (event.kind === 'done') return;
}
