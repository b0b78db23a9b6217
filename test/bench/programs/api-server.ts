import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../../src/core/logger.ts';
import { startApiServer } from '../../../src/local/apiserver/server.ts';

// The embedded API server in a process of its own; prints how to reach it as JSON.
const stateDir = await mkdtemp(join(tmpdir(), 'bench-apiserver-'));
const { url, token, caCertificate, close } = await startApiServer({ stateDir, logger: silentLogger });
console.log(JSON.stringify({ url, token, caCertificate }));
process.once('SIGTERM', () => void close().then(() => rm(stateDir, { recursive: true, force: true })));
