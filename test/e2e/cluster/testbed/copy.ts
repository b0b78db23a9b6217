import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

// Puts the model file where a claim is mounted.

const target = process.argv[2] ?? '';
mkdirSync(dirname(target), { recursive: true });
copyFileSync('/models/model.gguf', target);
