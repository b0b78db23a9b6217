import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../fakes/free-port.ts';
import { answersOk, startExecutable } from '../processes.ts';
import type { Subject } from './subject.ts';

/** Debian keeps it where only the administrator looks. */
const searchPath = `${process.env.PATH}:/usr/sbin`;

type NginxOptions = { readonly worker: string; readonly folder: string; readonly core: number | undefined };

/** Starts nginx as a proxy in front of the worker: one process, connections kept on both sides, nothing buffered and nothing logged. */
export async function startNginx({ worker, folder, core }: NginxOptions): Promise<Subject> {
  const home = join(folder, 'nginx');
  await mkdir(home);
  const port = await freePort();
  const config = join(home, 'nginx.conf');
  await writeFile(config, configuration(home, port, new URL(worker).host));
  const origin = `http://127.0.0.1:${port}`;
  // -e: else it opens the log of the system's nginx before it reads the configuration.
  const argv = ['nginx', '-p', home, '-e', join(home, 'error.log'), '-c', config];
  const process = await startExecutable(argv, { ready: () => answersOk(`${origin}/ready`), env: { PATH: searchPath }, core });
  return { name: 'nginx', process, origin };
}

function configuration(home: string, port: number, worker: string): string {
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${home}/${name};`);
  return `
daemon off;
# The only worker is the process itself.
master_process off;
pid ${home}/nginx.pid;
error_log ${home}/error.log;
events { worker_connections 4096; }
http {
  ${folders.join('\n  ')}
  access_log off;
  keepalive_requests 1000000000;
  upstream worker {
    server ${worker};
    keepalive 1024;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /ready { return 200; }
    location / {
      proxy_pass http://worker;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
`;
}
