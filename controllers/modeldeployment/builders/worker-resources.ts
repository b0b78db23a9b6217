import type { Container } from 'kubernetes-types/core/v1.js';
import type { ResolvedSpec } from '../../../src/api/model-deployment.ts';

type Resources = ResolvedSpec['resources'];
/** As of Kubernetes 1.34; the published types have an older form. */
type PodClaim = { readonly name: string; readonly resourceClaimName?: string; readonly resourceClaimTemplateName?: string };

/** What the container asks for: its GPUs, which a server takes in limits and equal requests alone, and its part of the claims of the pod. */
export function containerResources({ gpu, requests, limits, claims }: Resources): Container['resources'] & object {
  const gpus = gpu && { [gpu.resource]: String(gpu.count) };
  const all = { requests: { ...asText(requests), ...gpus }, limits: { ...asText(limits), ...gpus } };
  const named = claims?.map(({ name, request }) => ({ name, ...(request !== undefined && { request }) })) ?? [];
  return {
    ...(Object.keys(all.requests).length > 0 && { requests: all.requests }),
    ...(Object.keys(all.limits).length > 0 && { limits: all.limits }),
    ...(named.length > 0 && { claims: named }),
  };
}

/** The claims of the pod, in its shape; empty when there are none. */
export function podClaims({ claims = [] }: Resources): { readonly resourceClaims?: PodClaim[] } {
  if (claims.length === 0) return {};
  return { resourceClaims: claims.map(({ request: _ofTheContainer, ...claim }) => claim) };
}

function asText(quantities: Readonly<Record<string, string | number>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(quantities).map(([name, quantity]) => [name, String(quantity)]));
}
