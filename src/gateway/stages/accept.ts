import { errors } from '../../core/errors.ts';
import type { Stage } from '../pipeline.ts';

/** Refuses what is too large before a byte of it is read. Time limits of headers and body are the server's. */
export const accept: Stage = ({ request }, { maxBodyBytes }) => {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) throw errors.bodyTooLarge(maxBodyBytes);
};
