import { Failure } from '../../core/failure.ts';
import { FileSource } from './file-source.ts';
import type { PathMap } from './path-map.ts';
import type { Source } from './source.ts';

/** The source of a URI such as `file:///models/x.gguf`. Throws a Failure `UnsupportedModel` for a scheme that this worker cannot fetch. */
export function sourceFor(uri: string, pathMap: PathMap): Source {
  const url = URL.parse(uri);
  if (url?.protocol === 'file:') return new FileSource(url, pathMap);
  const what = url ? `This worker cannot fetch from ${url.protocol}//` : `"${uri}" is not a URI`;
  throw new Failure('UnsupportedModel', `${what}; give the model as file:///path/to/model.gguf.`);
}
