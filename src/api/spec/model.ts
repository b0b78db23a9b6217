import { z } from 'zod';
import { dnsLabel, int32, objectName, rules, sha256, text } from '../fields.ts';

const source = text(
  /^((hf|s3|https?|oci|pvc):\/\/[^/ ]+\/|file:\/\/\/)[^ ]+$/,
  1024,
  'write where the model is as hf://ORG/REPO, s3://BUCKET/PATH, https://HOST/PATH, http://HOST/PATH, oci://HOST/REPO, pvc://CLAIM/PATH or file:///PATH',
);

const file = text(/^[^/ .][^ ]*$|^\.[^. ][^ ]*$/, 256, 'write file names or globs relative to the source, such as *.safetensors');

const adapter = z.object({
  name: dnsLabel.describe('Requests name the adapter as `MODEL:NAME`.'),
  source: source.describe('Where the adapter is, written as `spec.model.source`.'),
});

/** `spec.model`: what is served. */
export const model = z
  .object({
    source: source.describe(
      'Where the model is: `hf://`, `s3://`, `https://`, `http://`, `oci://`, `pvc://` or `file://`; `hf://` with an optional `@revision`. An `https://` or `http://` URL names one file.',
    ),
    files: z
      .array(file)
      .max(64)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('Names or globs of the files to fetch; for GGUF one file. All files of the source when not given.')
      .exactOptional(),
    checksums: z.record(z.string(), sha256).meta({ maxProperties: 64 }).describe('Pins: file name to `sha256:HEX`.').exactOptional(),
    secretRef: z
      .object({ name: objectName.describe('Name of the Secret.') })
      .describe(
        'Secret in the same namespace whose keys become environment variables of the worker, such as `MODEL_SOURCE_TOKEN` (sent as a bearer token to an `https://` or `http://` source), `HF_TOKEN` or `AWS_ACCESS_KEY_ID`.',
      )
      .exactOptional(),
    contextLength: int32(128, 16_777_216)
      .describe('Longest prompt plus answer, in tokens. What the model was trained for when not given.')
      .exactOptional(),
    adapters: z
      .array(adapter)
      .max(32)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe('LoRA adapters served beside the model.')
      .exactOptional(),
  })
  .meta(
    rules(
      {
        rule: "!has(self.files) || !(self.source.startsWith('http://') || self.source.startsWith('https://'))",
        message: 'an http:// or https:// source names one file: leave model.files out',
      },
      {
        rule: "!self.source.matches('^https?://[^/]*@')",
        message: 'credentials in a URL would be shown to all who see the pod: put them into the Secret of model.secretRef',
      },
    ),
  )
  .describe('What is served.');
