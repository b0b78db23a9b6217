import { z } from 'zod';
import { duration } from '../fields.ts';

/** `spec.health`: when an engine counts as broken. */
export const health = z
  .object({
    wedgeTimeout: duration.default('60s').describe('A request that runs this long without a token means that the engine is wedged.'),
    restartOnWedge: z
      .boolean()
      .default(true)
      .describe(
        'Replace a replica whose engine is wedged by what gateways hear; the worker itself restarts an engine that it finds wedged.',
      ),
  })
  .describe('When an engine counts as broken.');
