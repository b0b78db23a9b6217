import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/failure.ts';
import type { Logger } from '../core/logger.ts';

/** PEM files of a server's certificate, with its chain, and of its private key. */
export type CertificateFiles = { readonly certFile: string; readonly keyFile: string };

type Pair = { readonly cert: Buffer; readonly key: Buffer };

/** How often the files are looked at. Read, not watched: a Secret's files are links that are swapped, and some file systems tell nobody. */
const pollMs = 10_000;

/** A certificate that others renew while the server runs: two files are read again and again, and a good new pair is told. */
export class Certificate {
  private readonly files: CertificateFiles;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private current: Pair;
  /** The pair that was refused last: told once, not at every look. */
  private refused: Pair | undefined;

  private constructor(files: CertificateFiles, pair: Pair, clock: Clock, logger: Logger) {
    this.files = files;
    this.current = pair;
    this.clock = clock;
    this.logger = logger;
    this.tell(pair, 'serving TLS');
  }

  /** Rejects with an error for people when the files cannot be read or are no pair. */
  static async load(files: CertificateFiles, clock: Clock, logger: Logger): Promise<Certificate> {
    const pair = await read(files);
    check(pair, files);
    return new Certificate(files, pair, clock, logger);
  }

  get pair(): Pair {
    return this.current;
  }

  /** Calls `onChange` with each new good pair until `signal` aborts. A bad one is logged, and the old one kept. */
  async follow(onChange: (pair: Pair) => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.clock.sleep(pollMs, signal).catch(() => {}); // aborted: the loop sees it
      if (!signal.aborted) await this.look(onChange);
    }
  }

  private async look(onChange: (pair: Pair) => void): Promise<void> {
    let pair: Pair | undefined;
    try {
      pair = await read(this.files);
      if (same(pair, this.current) || same(pair, this.refused)) return;
      check(pair, this.files);
      onChange(pair);
      this.current = pair;
      this.refused = undefined;
      this.tell(pair, 'the certificate was renewed');
    } catch (error) {
      this.refused = pair;
      this.logger.error({ err: error }, 'the new certificate cannot be used, the old one stays');
    }
  }

  private tell({ cert }: Pair, message: string): void {
    const { subject, subjectAltName, validTo } = new X509Certificate(cert);
    const about = { subject, subjectAltName, validTo, file: this.files.certFile };
    if (Date.parse(validTo) < this.clock.now()) this.logger.warn(about, `${message}, but it has expired`);
    else this.logger.info(about, message);
  }
}

/** Both files as of one moment: a swap between two reads would give halves of two pairs. */
async function read(files: CertificateFiles): Promise<Pair> {
  for (;;) {
    const [key, cert, after] = [await readPem(files.keyFile), await readPem(files.certFile), await readPem(files.keyFile)];
    if (key.equals(after)) return { key, cert };
  }
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new Error(`Cannot read ${file}, which TLS needs`, { cause });
  }
}

function check(pair: Pair, { certFile, keyFile }: CertificateFiles): void {
  try {
    createSecureContext(pair);
  } catch (cause) {
    const advice = 'Give PEM files of a certificate, with its chain, and of its own private key.';
    throw new Error(`TLS cannot use ${certFile} with ${keyFile} (${describeError(cause)}). ${advice}`, { cause });
  }
}

function same(a: Pair, b: Pair | undefined): boolean {
  return b?.cert.equals(a.cert) === true && b.key.equals(a.key);
}
