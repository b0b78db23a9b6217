import { Failure } from '../../core/failure.ts';
import { FileSource } from './file-source.ts';
import { HttpSource, type HttpSourceOptions } from './http-source.ts';
import { type PathMap, resolvePath } from './path-map.ts';
import type { Source } from './source.ts';

export type SourceOptions = HttpSourceOptions & { readonly pathMap: PathMap };

/** The source of a URI such as `file:///models/x.gguf`. Throws a Failure `UnsupportedModel` for a scheme that this worker cannot fetch. */
export function sourceFor(uri: string, { pathMap, cacheDir, ...options }: SourceOptions): Source {
  const url = URL.parse(uri);
  switch (url?.protocol) {
    case 'file:':
      return new FileSource(url, pathMap);
    case 'http:':
    case 'https:':
      return new HttpSource(url, { ...options, cacheDir: resolvePath(pathMap, cacheDir) });
    default: {
      // What is not understood may hold credentials before an @ or a signature after a ?.
      const what = url ? `This worker cannot fetch from ${url.protocol}//` : `"${uri.replace(/\?.*|\/\/[^/]*@/g, '…')}" is not a URI`;
      throw new Failure('UnsupportedModel', `${what}; give the model as https://host/model.gguf, http://… or file:///path/to/model.gguf.`);
    }
  }
}
