import { startMockWorker } from '../../fakes/mock-worker.ts';

// A worker without a model in a process of its own; prints its address. Arguments: chunks, pace in ms.
const [chunks = '64', paceMs = '20'] = process.argv.slice(2);
const worker = await startMockWorker({ chunks: Number(chunks), paceMs: Number(paceMs) });
console.log(worker.origin);
process.once('SIGTERM', () => void worker.close().then(() => process.exit()));
