import type { Stage } from '../pipeline.ts';

/** How long a browser may remember what it was told, in seconds: Chrome takes no more. */
const maxAgeSeconds = 7_200;

/** A header name as a browser asks for it. */
const namesPattern = /^[A-Za-z0-9-]+(, *[A-Za-z0-9-]+){0,63}$/;

/** Answers what a browser asks before a request. What the origin may do is in the headers that every answer has. */
export const preflight: Stage = (exchange) => {
  const asked = exchange.request.headers['access-control-request-headers'];
  const names = asked !== undefined && namesPattern.test(asked) ? asked : 'authorization, content-type';
  exchange.outcome = 204;
  exchange.response
    .writeHead(204, [
      ...exchange.answerHeaders,
      'access-control-allow-methods',
      'GET, POST',
      'access-control-allow-headers',
      names,
      'access-control-max-age',
      String(maxAgeSeconds),
    ])
    .end();
};
