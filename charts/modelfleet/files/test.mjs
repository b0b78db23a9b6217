// What `helm test` runs in a pod: both components are ready, and the gateway lets nobody in without a key.
// Ready means that their caches are in step with the cluster, so the definitions are served and the roles suffice: the test needs no rights of its own.
import { request as plain } from 'node:http';
import { request as encrypted } from 'node:https';

const { GATEWAY, GATEWAY_OPERATIONS, CONTROLLER_OPERATIONS } = process.env;
const checks = [
  [`${CONTROLLER_OPERATIONS}/healthz`, 200],
  [`${CONTROLLER_OPERATIONS}/readyz`, 200],
  [`${GATEWAY_OPERATIONS}/healthz`, 200],
  [`${GATEWAY_OPERATIONS}/readyz`, 200],
  // With the PROXY protocol it has an ear for load balancers alone.
  ...(GATEWAY ? [[`${GATEWAY}/v1/models`, 401]] : []),
];
const patienceMs = Number(process.env.PATIENCE_MS ?? 60_000);

function ask(url) {
  const request = url.startsWith('https:') ? encrypted : plain;
  return new Promise((resolve, reject) => {
    // Whether the certificate suits the callers' names is the callers' affair.
    request(url, { rejectUnauthorized: false, signal: AbortSignal.timeout(5_000) }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once('error', reject)
      .end();
  });
}

async function check([url, wanted]) {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const seen = await ask(url).catch((error) => error.message || error.code);
    if (seen === wanted) return console.log(`ok: ${url} answers ${seen}`);
    if (Date.now() > deadline) {
      process.exitCode = 1;
      return console.log(`failed: ${url} answers ${seen}, not ${wanted}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

await Promise.all(checks.map(check));
