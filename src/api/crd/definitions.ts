import type { z } from 'zod';
import type { JsonObject } from '../../core/json.ts';
import type { CelRule } from '../fields.ts';
import { modelDeploymentSpec } from '../model-deployment-spec.ts';
import { modelDeploymentStatus } from '../model-deployment-status.ts';
import { apiGroup, modelDeploymentResource, tenantResource } from '../resources.ts';
import { tenantSpec } from '../tenant.ts';
import { structuralSchema } from './structural.ts';

type Column = { readonly name: string; readonly type: 'string' | 'integer' | 'date'; readonly jsonPath: string; readonly wide?: true };

type Kind = {
  readonly resource: typeof modelDeploymentResource | typeof tenantResource;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly description: string;
  readonly spec: z.ZodType;
  readonly status?: z.ZodType;
  readonly rules: readonly CelRule[];
  readonly columns: readonly Column[];
  readonly scale?: { readonly specReplicasPath: string; readonly statusReplicasPath: string; readonly labelSelectorPath: string };
};

/** Pods are named NAME-xxxxx and labelled with NAME: 57 characters leave room in the 63 of a label and of a host name. */
const longestName = 57;

const modelDeploymentKind: Kind = {
  resource: modelDeploymentResource,
  singular: 'modeldeployment',
  shortNames: ['mdep'],
  description: 'A model and how it is served: the operator keeps its replicas loaded and the gateway gives it a public name.',
  spec: modelDeploymentSpec,
  status: modelDeploymentStatus,
  rules: [
    {
      rule: `self.metadata.name.size() <= ${longestName}`,
      message: `use a name of at most ${longestName} characters: the names of its pods add a suffix`,
    },
    {
      rule: "!self.metadata.name.contains('.')",
      message: 'use a name without dots, which hosts cannot have; serving.names may have them',
    },
  ],
  columns: [
    { name: 'Ready', type: 'string', jsonPath: '.status.columns.ready' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Load', type: 'string', jsonPath: '.status.columns.load' },
    { name: 'ETA', type: 'string', jsonPath: '.status.columns.eta' },
    { name: 'Queue', type: 'integer', jsonPath: '.status.columns.queue' },
    { name: 'Model', type: 'string', jsonPath: '.spec.model.source' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Node Class', type: 'string', jsonPath: '.status.columns.nodeClass', wide: true },
    { name: 'Engine', type: 'string', jsonPath: '.spec.engine.type', wide: true },
    { name: 'Revision', type: 'string', jsonPath: '.status.revision', wide: true },
  ],
  scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas', labelSelectorPath: '.status.selector' },
};

const tenantKind: Kind = {
  resource: tenantResource,
  singular: 'tenant',
  shortNames: [],
  description: 'Who may call the gateway. Only hashes of keys are kept.',
  spec: tenantSpec,
  rules: [],
  columns: [
    { name: 'Display Name', type: 'string', jsonPath: '.spec.displayName' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};

/** The CustomResourceDefinitions of this group, by file name in crds/. */
export function customResourceDefinitions(): Readonly<Record<string, JsonObject>> {
  return Object.fromEntries(
    [modelDeploymentKind, tenantKind].map((kind) => [`${apiGroup}_${kind.resource.plural}.yaml`, definition(kind)]),
  );
}

function definition(kind: Kind): JsonObject {
  const { resource } = kind;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${resource.plural}.${resource.group}` },
    spec: {
      group: resource.group,
      names: {
        kind: resource.kind,
        listKind: `${resource.kind}List`,
        plural: resource.plural,
        singular: kind.singular,
        ...(kind.shortNames.length > 0 && { shortNames: [...kind.shortNames] }),
        categories: ['modelfleet'],
      },
      scope: resource.namespaced ? 'Namespaced' : 'Cluster',
      versions: [
        {
          name: resource.version,
          served: true,
          storage: true,
          additionalPrinterColumns: kind.columns.map(({ name, type, jsonPath, wide }) => ({
            name,
            type,
            jsonPath,
            ...(wide && { priority: 1 }),
          })),
          schema: { openAPIV3Schema: rootSchema(kind) },
          ...((kind.status || kind.scale) && {
            subresources: { ...(kind.status && { status: {} }), ...(kind.scale && { scale: { ...kind.scale } }) },
          }),
        },
      ],
    },
  };
}

function rootSchema(kind: Kind): JsonObject {
  return {
    description: kind.description,
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: structuralSchema(kind.spec),
      ...(kind.status && { status: structuralSchema(kind.status) }),
    },
    ...(kind.rules.length > 0 && { 'x-kubernetes-validations': kind.rules.map((rule) => ({ ...rule })) }),
  };
}
