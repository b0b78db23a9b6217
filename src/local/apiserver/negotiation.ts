import type { IncomingMessage } from 'node:http';
import { parse as parseYaml, YAMLParseError } from 'yaml';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { decodeProtobuf, protobufMediaType } from './protobuf.ts';
import { statuses } from './status.ts';

/** How an answer shows objects. */
export type View =
  | { readonly as: 'object' | 'metadata' }
  | { readonly as: 'table'; readonly includeObject: 'None' | 'Metadata' | 'Object' };

const bodyLimitBytes = 3 * 1024 * 1024;

/** Chooses the view that an Accept header asks for, the first that this server knows. Throws 406 when it knows none. */
export function negotiateView(accept: string | undefined, includeObject: string | null): View {
  for (const clause of (accept ?? '*/*').split(',')) {
    const [type, ...parameters] = clause.split(';').map((part) => part.trim());
    if (type !== 'application/json' && type !== '*/*' && type !== 'application/*' && type !== '') continue;
    const options = new Map(parameters.map((parameter) => parameter.split('=', 2) as [string, string]));
    const as = options.get('as');
    if (as === undefined) return { as: 'object' };
    if (options.get('g') !== 'meta.k8s.io' || options.get('v') !== 'v1') continue;
    if (as === 'Table')
      return { as: 'table', includeObject: includeObject === 'None' || includeObject === 'Object' ? includeObject : 'Metadata' };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return { as: 'metadata' };
  }
  throw statuses.notAcceptable(['application/json']);
}

/** The media type of a request's body, without parameters; undefined when it names none. */
export function mediaType(request: IncomingMessage): string | undefined {
  return request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() || undefined;
}

/** Reads the whole body. Throws 413 above 3 MiB, as much as the API server of a cluster takes. */
export async function readBody(request: IncomingMessage): Promise<string> {
  return (await readBytes(request)).toString('utf8');
}

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // The connection must outlive a refusal in the middle of the body: the answer goes out on it.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > bodyLimitBytes) throw statuses.tooLarge(bodyLimitBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Parses a body as JSON, or as YAML when its type says so. Throws a 400 Status. */
export function parseBody(text: string, yaml: boolean): JsonValue {
  try {
    // JSON is YAML too, and much faster to read as what it is.
    const reallyYaml = yaml && !text.trimStart().startsWith('{');
    return reallyYaml ? toJson(parseYaml(text, { schema: 'core', merge: true })) : (JSON.parse(text) as JsonValue);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof YAMLParseError || error instanceof TypeError || error instanceof ReferenceError) {
      throw statuses.badRequest(`error decoding the body: ${error.message}`, error);
    }
    throw error;
  }
}

/** YAML may hold what JSON cannot (dates, maps with other keys): written and read again, it is JSON or an error. */
function toJson(value: unknown): JsonValue {
  return JSON.parse(JSON.stringify(value ?? null)) as JsonValue;
}

/** Reads an object of the API from a body of type JSON, YAML or protobuf. Throws 415 for other types and 400 for what is no object. */
export async function readObject(request: IncomingMessage): Promise<JsonObject> {
  const type = mediaType(request);
  if (type === protobufMediaType) return decodeProtobuf(await readBytes(request));
  if (type !== undefined && type !== 'application/json' && type !== 'application/yaml') {
    throw statuses.unsupportedMediaType(['application/json', 'application/yaml']);
  }
  const value = parseBody(await readBody(request), type === 'application/yaml');
  if (!isJsonObject(value)) throw statuses.badRequest('the body must be an object');
  return value;
}
