import { serveEngine } from '../process/serve.ts';
import { LlamaEngine } from './llama-engine.ts';

serveEngine(new LlamaEngine());
